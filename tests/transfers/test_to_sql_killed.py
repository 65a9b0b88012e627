"""A worker is killed while it writes to PostgreSQL: nothing is half done, and a new attempt does the rest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from tests.clients.clock import until
from tests.operators.running import run
from tests.operators.worker import PROCESSES, Worker, frozen_at

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.transfers.databases import PostgreSQLDatabase

EVERYBODY = list(range(1001, 1038))
BEFORE = [(1, "from before"), (1001, "from before")]


def step(mode: str) -> DamstraToSqlOperator:
    return DamstraToSqlOperator(
        task_id="to_sql",
        resource="users",
        sql_conn_id="warehouse",
        table="users",
        write_mode=mode,
        page_size=5,
        batch_size=5,
        max_concurrency=1,
    )


def work(mode: str, connections: dict[str, str]) -> None:
    """Write once: what the process does."""
    os.environ |= connections
    run(step(mode))


class SqlWorker(Worker):
    """A process that writes once."""

    def __init__(self, mode: str) -> None:
        connections = {name: text for name, text in os.environ.items() if name.startswith("AIRFLOW_CONN_")}
        self._process = PROCESSES.Process(target=work, args=(mode, connections))


@pytest.fixture
def users(on_postgresql: PostgreSQLDatabase, damstra_emulator: DamstraEmulator) -> PostgreSQLDatabase:
    """Return a database whose table of users has one who is gone and one whose name changed."""
    run(step("upsert"))
    on_postgresql.execute("UPDATE users SET first_name = 'from before'")
    on_postgresql.execute("DELETE FROM users WHERE id > 1001")
    on_postgresql.execute("INSERT INTO users (id, first_name) VALUES (1, 'from before')")
    return on_postgresql


def rows(database: PostgreSQLDatabase) -> list[tuple[Any, ...]]:
    return database.execute("SELECT id, first_name FROM users ORDER BY id")


def finish(database: PostgreSQLDatabase, mode: str) -> None:
    """Make the next attempt, after which everybody is there once, as Damstra has them."""
    run(step(mode))
    found = rows(database)
    assert [one for one, _ in found] == [*([1] if mode == "upsert" else []), *EVERYBODY]
    assert [name for _, name in found].count("from before") == (1 if mode == "upsert" else 0)


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_killed_while_it_reads(
    mode: str, users: PostgreSQLDatabase, damstra_emulator: DamstraEmulator
) -> None:
    worker = SqlWorker(mode)
    with frozen_at(damstra_emulator, worker, method="GET", path="/user", number=5):
        worker.kill()
    until(lambda: not users.others(), "the database has noticed")
    if mode == "replace":
        assert rows(users) == BEFORE
    else:
        assert len(BEFORE) < len(rows(users)) < len(EVERYBODY)
    finish(users, mode)


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_killed_while_it_writes(mode: str, users: PostgreSQLDatabase) -> None:
    worker = SqlWorker(mode)
    with users.holding("SELECT FROM users WHERE id = 1001 FOR UPDATE"), worker.running():
        until(lambda: users.others("wait_event_type = 'Lock'") == 1, "the rows are on their way in")
        worker.kill()
    until(lambda: not users.others(), "the database has noticed")
    assert rows(users) == BEFORE
    finish(users, mode)
