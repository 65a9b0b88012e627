"""airflow damstra inbox list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from airflow_provider_damstra.cli.definitions.inbox import STATES
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.database import get_engine, metadata

if TYPE_CHECKING:
    from tests.cli.conftest import FailCommand, RunCommand


def insert(number: int, conn_id: str = "damstra_default", *, name: str = "lesson.schedule.completed") -> None:
    inbox.insert(
        conn_id=conn_id,
        name=name,
        dedup_key=str(number),
        payload={"lesson_schedule_id": number, "user_id": 1023},
        source="webhook",
    )


def test_lists_waiting_events_newest_first(run_command: RunCommand) -> None:
    for number in (1, 2, 3):
        insert(number)
    rows = json.loads(run_command("inbox", "list", "--output", "json", "--limit", "2")[0])
    assert [row["lesson_schedule_id"] for row in rows] == [3, 2]
    assert {row["state"] for row in rows} == {"waiting"}


def test_filters_by_connection_and_state(run_command: RunCommand) -> None:
    insert(1)
    insert(2, "another")
    command = ("inbox", "list", "-o", "json")
    assert json.loads(run_command(*command, "--conn-id", "another")[0])[0]["user_id"] == 1023
    assert json.loads(run_command(*command, "--state", "refused")[0]) == []
    assert len(json.loads(run_command(*command, "--state", "all")[0])) == 2


def test_unknown_connection_without_events_is_reported(fail_command: FailCommand) -> None:
    message = fail_command("inbox", "list", "--conn-id", "nope")
    assert message == "There is no connection 'nope', and no event of it."


def test_every_state_is_a_choice() -> None:
    assert set(STATES) == {"open", "all", *inbox.EventState}


def test_prints_table_by_default(run_command: RunCommand) -> None:
    assert "No data found" in run_command("inbox", "list")[0]
    insert(1)
    assert "lesson.schedule.completed" in run_command("inbox", "list")[0]


@pytest.mark.parametrize("output", ["table", "plain"])
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[/nonsense]", "[/nonsense]"),
        ("[bold]loud[/bold]", "[bold]loud[/bold]"),
        ("[link=http://bad.example]x", "[link=http://bad.example]x"),
        (":warning: \\", ":warning: \\"),
        ("\x1b[2J\x1b]0;title\x07\r\n\x9b", r"\x1b[2J\x1b]0;title\x07\r\n\x9b"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
    ],
)
def test_table_shows_untrusted_name_without_interpreting_it(
    name: str, shown: str, output: str, run_command: RunCommand
) -> None:
    insert(1, name=name)
    printed, _ = run_command("inbox", "list", "--state", "all", "--output", output)
    assert shown in printed
    assert all(character.isprintable() for character in printed.replace("\n", ""))


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_structured_output_has_untrusted_name_escaped(output: str, run_command: RunCommand) -> None:
    insert(1, name="[/nonsense]\x1b[2J")
    printed, _ = run_command("inbox", "list", "--output", output)
    assert "\x1b" not in printed
    assert yaml.safe_load(printed)[0]["name"] == "[/nonsense]\x1b[2J"


def test_missing_table_is_reported_with_advice(fail_command: FailCommand) -> None:
    metadata.drop_all(get_engine())
    assert "Run: airflow db migrate" in fail_command("inbox", "list")
