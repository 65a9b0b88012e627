"""SQL blocks run as printed, on both databases."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from airflow_provider_damstra.exports.resources import RESOURCES
from airflow_provider_damstra.exports.schema import format_timestamp
from airflow_provider_damstra.exports.sql import history
from airflow_provider_damstra.exports.sql.load import replace_all
from airflow_provider_damstra.exports.sql.prepare import prepare_table
from airflow_provider_damstra.exports.sql.tables import ResourceTable
from airflow_provider_damstra.exports.sql.view_queries import VIEWS
from airflow_provider_damstra.exports.sql.views import create_views
from airflow_provider_damstra.transfers.sql_engine import create_sql_engine
from tests.documentation.snippets import ROOT, snippets_in
from tests.transfers.conftest import on_postgresql, on_sqlite, warehouse

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Connection

    from tests.transfers.databases import Database

__all__ = ["on_postgresql", "on_sqlite", "warehouse"]

PAGE = (ROOT / "docs" / "how-to" / "sql.md").read_text()
QUERIES = {snippet.name: snippet.text for snippet in snippets_in("sql")}
USERS = [
    {"id": number, "employeeNumber": f"E{number}", "lastName": f"Name {number}"} for number in range(1, 6)
]


def load(resource: str, rows: list[dict[str, Any]]) -> None:
    """Replace the rows of a table that is called like the resource, and has a history."""
    engine = create_sql_engine("warehouse")
    target = ResourceTable(RESOURCES[resource], resource, has_history=True)
    prepare_table(engine, target, add_columns=False, deletes=True)
    replace_all(engine, target, [[json.dumps(row).encode() for row in rows]], batch_size=100)


def schedule(user_id: int, completed_date: str | None, *, lesson_id: int = 204) -> dict[str, Any]:
    """Return a lesson schedule, whose id is the user's."""
    return {"id": user_id, "userId": user_id, "lessonId": lesson_id, "lessonCompletedDate": completed_date}


def test_people_trained_at_a_point_in_time(warehouse: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    query = QUERIES["sql.md, History"]
    recently, long_ago = "2026-03-01T00:00:00Z", "2025-03-13T00:00:00Z"
    by_hour = {
        1: [
            schedule(1, None),
            schedule(2, recently),
            schedule(3, long_ago),
            schedule(4, recently, lesson_id=205),
        ],
        # The incident is at 9. What is recorded, changed or deleted later does not count.
        8: [schedule(1, recently), schedule(2, recently), schedule(3, long_ago), schedule(5, None)],
        10: [schedule(1, recently), schedule(3, recently), schedule(5, recently)],
    }
    load("users", USERS)
    for hour, rows in by_hour.items():
        set_time(datetime(2026, 3, 14, hour, tzinfo=UTC), monkeypatch)
        load("lesson_schedules", rows)
    found = warehouse.execute(query)
    assert [employee_number for employee_number, *_ in found] == ["E1", "E2"]


def set_time(time: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the time at which versions are written."""

    def now_in(connection: Connection) -> Any:
        return format_timestamp(time) if connection.dialect.name == "sqlite" else time

    monkeypatch.setattr(history, "now_in", now_in)


def test_people_of_groups_who_are_not_ready(warehouse: Database) -> None:
    users = [{**user, "groups": [5]} for user in USERS]
    load("users", users)
    load(
        "lesson_schedules", [schedule(1, "2026-03-01T00:00:00Z"), {**schedule(2, None), "status": "overdue"}]
    )
    create_views(create_sql_engine("warehouse"), list(VIEWS), tables={})
    assert warehouse.execute(QUERIES["sql.md, Views"]) == [(None, None, 4)]


def test_columns_of_views_are_those_in_the_page(warehouse: Database) -> None:
    load("users", [])
    load("lesson_schedules", [])
    engine = create_sql_engine("warehouse")
    create_views(engine, list(VIEWS), tables={})
    rows = [line.split(" | ") for line in PAGE.splitlines() if re.match(r"\| `(training|current)_", line)]
    printed = {row[0].strip("|` "): re.findall(r"`(\w+)`", row[-1]) for row in rows}
    assert printed == {
        view: [column["name"] for column in inspect(engine).get_columns(view)] for view in VIEWS
    }


def test_every_query_is_tested() -> None:
    assert QUERIES.keys() == {"sql.md, History", "sql.md, Views"}
