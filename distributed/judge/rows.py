"""Check of an exported file and of loaded tables: each row is there once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg

from distributed.judge.differences import compare

if TYPE_CHECKING:
    from distributed.judge.store import Store
    from distributed.load.crew import Crew
    from tests.postgresql import PostgreSQL


def judge_rows(store: Store, crew: Crew, postgresql: PostgreSQL, *, database: str) -> list[str]:
    """Return what is lost or doubled in the crew's file and tables."""
    last = crew.people[-1].employee_number
    schedules = store.fetch(
        "SELECT schedule.id, schedule.user_id FROM lesson_schedules AS schedule"
        " JOIN users ON users.id = schedule.user_id"
        " WHERE users.employee_number BETWEEN :first AND :last",
        first=crew.people[0].employee_number,
        last=last,
    )
    members = store.fetch(
        "SELECT link.user_id FROM group_members AS link JOIN groups ON groups.id = link.group_id"
        " WHERE groups.name = :group",
        group=crew.group,
    )
    file = crew.folder / "schedules.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    exported = [(row["id"], row["userId"]) for row in map(json.loads, lines)]
    suffix = crew.name.lower()
    with postgresql.connected(database) as server:
        loaded = _select(server, "id, user_id", f"schedules_{suffix}")
        loaded_members = _select(server, "id", f"members_{suffix}")
    return [
        *compare(f"exported schedules of crew {crew.name} (id, user)", exported, schedules),
        *compare(f"loaded schedules of crew {crew.name} (id, user)", loaded, schedules),
        *compare(f"loaded members of crew {crew.name}", loaded_members, members),
    ]


def _select(server: psycopg.Connection, columns: str, table: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table; none if it does not exist."""
    try:
        return server.execute(f"SELECT {columns} FROM {table}".encode()).fetchall()  # noqa: S608
    except psycopg.errors.UndefinedTable:
        return []
