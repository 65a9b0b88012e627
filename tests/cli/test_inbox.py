"""What waits in the inbox or was refused, as a table and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.cli import STATES
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.db.manager import get_engine, metadata

if TYPE_CHECKING:
    from tests.cli.conftest import Damstra


def keep(number: int, conn_id: str = "damstra_default") -> None:
    inbox.insert(
        conn_id=conn_id,
        name="lesson.schedule.completed",
        dedup_key=str(number),
        payload={"lesson_schedule_id": number, "user_id": 1023},
        source="webhook",
    )


def test_what_waits_is_listed_the_newest_first(damstra: Damstra) -> None:
    for number in (1, 2, 3):
        keep(number)
    rows = json.loads(damstra("inbox", "--output", "json", "--limit", "2")[0])
    assert [row["lesson_schedule_id"] for row in rows] == ["3", "2"]
    assert {row["state"] for row in rows} == {"waiting"}


def test_only_those_of_a_connection_or_in_a_state(damstra: Damstra) -> None:
    keep(1)
    keep(2, "another")
    assert json.loads(damstra("inbox", "-o", "json", "--conn-id", "another")[0])[0]["user_id"] == "1023"
    assert json.loads(damstra("inbox", "-o", "json", "--state", "refused")[0]) == []
    assert len(json.loads(damstra("inbox", "-o", "json", "--state", "all")[0])) == 2


def test_every_state_can_be_asked_for() -> None:
    assert set(STATES) == {"open", "all", *inbox.EventState}


def test_the_table_is_for_people(damstra: Damstra) -> None:
    assert "No data found" in damstra("inbox")[0]
    keep(1)
    assert "lesson.schedule.completed" in damstra("inbox")[0]


def test_without_the_table_it_says_what_to_do(damstra: Damstra) -> None:
    metadata.drop_all(get_engine())
    with pytest.raises(SystemExit, match="Run: airflow db migrate"):
        damstra("inbox")
