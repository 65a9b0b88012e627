"""SIGKILL while rows are written to PostgreSQL: the table stays consistent, the next try completes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import pytest

from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.operators.task_runner import run
from tests.operators.worker_process import PROCESS_CONTEXT, WorkerProcess, freeze_during
from tests.waiting import wait_until

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import PostgreSQLDatabase

ALL_IDS = list(range(1001, 1041))
WriteMode = Literal["upsert", "replace"]

BEFORE = [(1, "from before"), (1001, "from before")]


def step(mode: WriteMode) -> DamstraToSqlOperator:
    return DamstraToSqlOperator(
        task_id="to_sql",
        resource="users",
        sql_conn_id="warehouse",
        table="users",
        write_mode=mode,
        history=True,
        page_size=5,
        batch_size=5,
        max_concurrency=1,
    )


def work(mode: WriteMode, connections: dict[str, str]) -> None:
    """Write once: what the process does."""
    os.environ |= connections
    run(step(mode))


class SqlWorker(WorkerProcess):
    """A process that writes once."""

    def __init__(self, mode: WriteMode) -> None:
        connections = {name: text for name, text in os.environ.items() if name.startswith("AIRFLOW_CONN_")}
        self._process = PROCESS_CONTEXT.Process(target=work, args=(mode, connections))


@pytest.fixture
def users(on_postgresql: PostgreSQLDatabase, damstra_emulator: DamstraEmulator) -> PostgreSQLDatabase:
    """Return a database of users in which one is deleted, most are missing, and all names are old."""
    run(step("upsert"))
    for table in ("users", "users_history"):
        on_postgresql.execute(f"UPDATE {table} SET first_name = 'from before'")  # noqa: S608 (our names)
    on_postgresql.execute("DELETE FROM users WHERE id > 1001")
    on_postgresql.execute("INSERT INTO users (id, first_name) VALUES (1, 'from before')")
    return on_postgresql


def rows(database: PostgreSQLDatabase) -> list[tuple[Any, ...]]:
    return database.execute("SELECT id, first_name FROM users ORDER BY id")


def versions(database: PostgreSQLDatabase) -> tuple[int, int]:
    """Return the numbers of present and of ended versions in the history."""
    [[present, ended]] = database.execute(
        "SELECT count(*) - count(valid_to), count(valid_to) FROM users_history"
    )
    return present, ended


def finish(database: PostgreSQLDatabase, mode: WriteMode) -> None:
    """Run the next try and check that every user is present once with the current values."""
    run(step(mode))
    found = rows(database)
    assert [one for one, _ in found] == [*([1] if mode == "upsert" else []), *ALL_IDS]
    assert [name for _, name in found].count("from before") == (1 if mode == "upsert" else 0)
    assert versions(database) == (len(ALL_IDS), len(ALL_IDS))


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_kill_while_reading_leaves_consistent_table(
    mode: WriteMode, users: PostgreSQLDatabase, damstra_emulator: DamstraEmulator
) -> None:
    worker = SqlWorker(mode)
    with freeze_during(damstra_emulator, worker, method="GET", path="/user", number=8):
        worker.kill()
    wait_until(lambda: not users.others(), "the database has noticed")
    if mode == "replace":
        assert rows(users) == BEFORE
        assert versions(users) == (len(ALL_IDS), 0)
    else:
        assert len(BEFORE) < len(rows(users)) < len(ALL_IDS)
    finish(users, mode)


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_kill_while_writing_rolls_back(mode: WriteMode, users: PostgreSQLDatabase) -> None:
    worker = SqlWorker(mode)
    with users.hold_locks("SELECT FROM users WHERE id = 1001 FOR UPDATE"), worker.running():
        wait_until(lambda: users.others("wait_event_type = 'Lock'") == 1, "the rows are being inserted")
        worker.kill()
    wait_until(lambda: not users.others(), "the database has noticed")
    assert rows(users) == BEFORE
    assert versions(users) == (len(ALL_IDS), 0)
    finish(users, mode)
