"""DAG runs, task instances, XComs and asset events, read from Airflow's metadata database.

It responds while Airflow's own API server is killed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.postgresql import PostgreSQL

FINAL_STATES = frozenset({"success", "failed"})


@dataclass(frozen=True, kw_only=True)
class AssetEventRow:
    """An asset event: its asset's URI, its extra, and the number of DAG runs that it started."""

    id: int
    uri: str
    extra: dict[str, Any]
    runs: int


class Metadata:
    """Queries of the metadata database, one connection for each.

    :param database: name of the database.
    """

    def __init__(self, postgresql: PostgreSQL, *, database: str = "postgres") -> None:
        self._postgresql = postgresql
        self._database = database

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a DAG run; None also while the database is being restarted."""
        try:
            rows = self.fetch("SELECT state FROM dag_run WHERE dag_id = %s AND run_id = %s", dag_id, run_id)
        except psycopg.OperationalError:
            return None
        return rows[0][0] if rows else None

    def running_processes(self, dag_id: str) -> dict[int, str]:
        """Return the tasks that are running, by process id; none while the database is being restarted."""
        query = "SELECT pid, task_id FROM task_instance WHERE dag_id = %s AND state = 'running'"
        try:
            return {pid: task_id for pid, task_id in self.fetch(query, dag_id) if pid}
        except psycopg.OperationalError:
            return {}

    def tasks(self, dag_id: str, run_id: str) -> Counter[str]:
        """Return how many task instances of a DAG run have each state."""
        rows = self.fetch(
            "SELECT state, count(*) FROM task_instance WHERE dag_id = %s AND run_id = %s GROUP BY state",
            dag_id,
            run_id,
        )
        return Counter({state or "none": count for state, count in rows})

    def unsuccessful(self, dag_id: str, run_id: str) -> list[str]:
        """Return the task instances that have not succeeded, with their state and number of tries."""
        rows = self.fetch(
            "SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = %s"
            " AND run_id = %s AND state IS DISTINCT FROM 'success' ORDER BY task_id, map_index",
            dag_id,
            run_id,
        )
        return [f"{task}[{index}] is {state} after {tries} tries" for task, index, state, tries in rows]

    def tries(self, dag_id: str, run_id: str) -> int:
        """Return the number of tries of all tasks of a DAG run."""
        query = "SELECT sum(try_number) FROM task_instance WHERE dag_id = %s AND run_id = %s"
        return int(self.fetch(query, dag_id, run_id)[0][0] or 0)

    def xcoms(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> list[Any]:
        """Return the results of a task, one for each map index."""
        rows = self.fetch(
            "SELECT value FROM xcom WHERE dag_id = %s AND run_id = %s AND task_id = %s AND key = %s"
            " ORDER BY map_index",
            dag_id,
            run_id,
            task_id,
            key,
        )
        return [row[0] for row in rows]

    def asset_events(self) -> list[AssetEventRow]:
        """Return all asset events."""
        rows = self.fetch(
            "SELECT event.id, asset.uri, event.extra,"
            " (SELECT count(*) FROM dagrun_asset_event AS run WHERE run.event_id = event.id)"
            " FROM asset_event AS event JOIN asset ON asset.id = event.asset_id ORDER BY event.id"
        )
        return [AssetEventRow(id=id_, uri=uri, extra=extra, runs=runs) for id_, uri, extra, runs in rows]

    def dump(self, file: Path) -> None:
        """Write all rows of all tables to a file."""
        tables = self.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        with self._postgresql.connected(self._database) as server, file.open("wb") as target:
            for (table,) in tables:
                with server.cursor().copy(f'COPY "{table}" TO STDOUT'.encode()) as rows:
                    target.writelines(rows)

    def fetch(self, query: str, *values: object) -> Sequence[Any]:
        """Return the rows of a query."""
        with self._postgresql.connected(self._database) as server:
            return server.execute(query.encode(), values).fetchall()
