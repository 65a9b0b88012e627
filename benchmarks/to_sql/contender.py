"""One contender in a separate process: load every user into a table and print the measurements as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.exports.peers import Rows, requests_loop
from benchmarks.exports.scenario import Scenario
from benchmarks.measuring import connect, cost

if TYPE_CHECKING:
    from collections.abc import Callable

    Load = Callable[[Scenario, str], int]

TABLE = "users"
COLUMNS = {
    "id": "BIGINT PRIMARY KEY",
    **dict.fromkeys(("userName", "firstName", "lastName", "emailAddress", "phoneNumber"), "TEXT"),
    **dict.fromkeys(("mobileNumber", "employeeNumber", "timeZone"), "TEXT"),
    **dict.fromkeys(("createdDate", "modifiedDate", "lastLoggedInDate"), "TIMESTAMPTZ"),
    **dict.fromkeys(("clientStatusId", "clientId"), "BIGINT"),
    **dict.fromkeys(("groups", "groupsSupervised", "roles"), "JSONB"),
    "active": "BOOLEAN",
}
IMPORTS = (
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.sqlite.hooks.sqlite",
    "airflow_provider_damstra.clients.async_client",
    "airflow_provider_damstra.exports.reader",
    "airflow_provider_damstra.exports.sql.load",
    "airflow_provider_damstra.exports.sql.prepare",
    "airflow_provider_damstra.hooks.connection",
    "airflow_provider_damstra.hooks.metrics",
    "airflow_provider_damstra.transfers.to_sql",
    "psycopg",
    "requests",
)
"""Imported by every contender before the measurement, so that imports cost no measured time or memory."""


def damstra(conn_id: str, mode: Literal["upsert", "replace"]) -> Load:
    """Return what loads with this provider's operator."""

    def load(scenario: Scenario, address: str) -> int:
        from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator

        operator = DamstraToSqlOperator(
            task_id="load",
            resource="users",
            sql_conn_id=conn_id,
            table=TABLE,
            write_mode=mode,
            max_concurrency=16,
            page_size=scenario.page_size,
        )
        rows: int = operator._execute({})["rows"]
        return rows

    return load


def insert_rows(scenario: Scenario, address: str) -> int:
    """Load with a requests loop and ``insert_rows(replace=True)`` of PostgreSQL's hook, page by page."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    hook: Any = PostgresHook("postgres_default")
    names = [f'"{name}"' for name in COLUMNS]
    columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    hook.run(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})")
    count = 0

    def sink(rows: Rows) -> None:
        nonlocal count
        count += len(rows)
        values = [tuple(_plain(row.get(name)) for name in COLUMNS) for row in rows]
        hook.insert_rows(TABLE, values, target_fields=names, replace=True, replace_index=[names[0]])

    requests_loop(scenario, address, sink)
    return count


def copy(scenario: Scenario, address: str) -> int:
    """Load with a requests loop and one COPY of psycopg, into a table that is emptied before: the floor."""
    import psycopg
    from airflow.sdk import BaseHook

    columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    uri = BaseHook.get_connection("postgres_default").get_uri().replace("postgres://", "postgresql://")
    count = 0
    with psycopg.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})")
        cursor.execute(f"TRUNCATE {TABLE}")
        with cursor.copy(f"COPY {TABLE} FROM STDIN") as target:

            def sink(rows: Rows) -> None:
                nonlocal count
                count += len(rows)
                for row in rows:
                    target.write_row([_plain(row.get(name)) for name in COLUMNS])

            requests_loop(scenario, address, sink)
    return count


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


CONTENDERS: dict[str, Load] = {
    "damstra upsert, PostgreSQL": damstra("postgres_default", "upsert"),
    "damstra replace, PostgreSQL": damstra("postgres_default", "replace"),
    "requests + insert_rows, PostgreSQL": insert_rows,
    "requests + COPY, PostgreSQL": copy,
    "damstra upsert, SQLite": damstra("sqlite_default", "upsert"),
    "damstra replace, SQLite": damstra("sqlite_default", "replace"),
}


def main() -> None:
    """Measure one contender twice, into no table and into one that has every row, and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    connect(given.port)
    for module in IMPORTS:
        importlib.import_module(module)
    scenario, address = Scenario(**given.scenario), f"http://127.0.0.1:{given.port}"
    load = CONTENDERS[given.contender]
    paid = [cost(lambda: load(scenario, address), rows=scenario.rows) for _ in range(2)]
    print(json.dumps(paid), flush=True)


if __name__ == "__main__":
    main()
