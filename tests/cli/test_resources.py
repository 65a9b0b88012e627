"""airflow damstra users|groups|lessons|schedules|sessions list|get."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.cli.commands.resources import LISTINGS
from airflow_provider_damstra.cli.definitions.resources import PUBLISHED_STATES, SCHEDULE_STATUSES
from airflow_provider_damstra.endpoints.lesson_schedule import LessonScheduleFilter
from airflow_provider_damstra.models.lesson import LessonStatus
from tests.cli.test_commands import COMMANDS

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.cli.conftest import FailCommand, RunCommand

COMMON = {"--limit", "--columns", "--output", "--conn-id", "--verbose"}
ARGUMENTS = {"schedules": ("--user-id", "1011")}


@pytest.mark.parametrize("resource", LISTINGS)
def test_list_has_option_for_each_filter_of_api(resource: str) -> None:
    options = {argument.flags[-1] for argument in COMMANDS[f"{resource} list"].args} - COMMON
    fields = LISTINGS[resource].endpoint.model_fields
    assert options == {f"--{name.replace('_', '-')}" for name in fields}
    assert set(LISTINGS[resource].columns) <= set(LISTINGS[resource].available_columns)


def test_choices_are_those_of_api() -> None:
    assert set(PUBLISHED_STATES) == set(LessonStatus)
    assert set(SCHEDULE_STATUSES) == set(LessonScheduleFilter)


@pytest.mark.parametrize("resource", LISTINGS)
def test_listed_item_equals_single_one(
    resource: str, damstra_emulator: DamstraEmulator, run_command: RunCommand
) -> None:
    listing = (resource, "list", *ARGUMENTS.get(resource, ()), "--columns", "all", "-o", "json")
    first = json.loads(run_command(*listing)[0])[0]
    key = "lesson_id" if resource == "lessons" else "id"
    single = json.loads(run_command(resource, "get", str(first[key]), "-o", "json")[0])
    single = single[0] if resource == "lessons" else single
    assert single[key] == first[key]
    assert all(entry["method"] == "GET" for entry in damstra_emulator.journal())


def test_filters_are_sent(damstra_emulator: DamstraEmulator, run_command: RunCommand) -> None:
    output, _ = run_command(
        *("users", "list", "--q", "murphy", "--role-id", "6", "--columns", "last_name", "-o", "json")
    )
    assert json.loads(output) == [{"last_name": "Murphy"}]
    (entry,) = damstra_emulator.journal(path="/user")
    assert {"q": "murphy", "roleId": "6"}.items() <= entry["query"].items()


def test_limit_ends_reading(damstra_emulator: DamstraEmulator, run_command: RunCommand) -> None:
    damstra_emulator.reset(seed="large:1000")
    output, hint = run_command("users", "list", "--limit", "3", "-o", "json")
    assert len(json.loads(output)) == 3
    assert hint == "There are more than 3 rows: --limit 0 prints all.\n"
    output, hint = run_command("users", "list", "--limit", "0", "-o", "csv")
    assert len(output.splitlines()) > 1000
    assert hint == ""


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (
            ("users", "list", "--columns", "id,nope"),
            2,
            "There is no column 'nope'; the columns are id,",
        ),
        (("users", "list", "--role-id", "99"), 2, "it is no role; roles are ADMIN (3)"),
        (("users", "get", "x"), 2, "user_id: Input should be a valid integer"),
        (("users", "get", "999999"), 1, "GetUser (GET /user/999999) failed"),
        (("lessons", "get", "999999"), 1, "There is no lesson 999999"),
        (("groups", "list", "--conn-id", "nope"), 1, "airflow connections add nope"),
    ],
    ids=["column", "role", "id", "user", "lesson", "connection"],
)
@pytest.mark.usefixtures("damstra_emulator")
def test_problem_is_reported_with_exit_code(
    arguments: tuple[str, ...], exit_code: int, message: str, fail_command: FailCommand
) -> None:
    assert message in fail_command(*arguments, exit_code=exit_code)


def test_wrong_access_key_is_reported_with_advice(
    damstra_emulator: DamstraEmulator, fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads(damstra_emulator.connection_json) | {"password": "not-the-key-of-this"}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(connection))
    message = fail_command("users", "list")
    assert "Check the connection's access key" in message
    assert "not-the-key-of-this" not in message
