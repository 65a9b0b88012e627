"""Databases that tests write to, each as its own driver shows it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgresql import PostgreSQL

Rows = list[tuple[Any, ...]]


class Database(Protocol):
    """An empty database."""

    kind: str

    def connection_fields(self) -> dict[str, Any]:
        """Return the fields of an Airflow connection."""

    def execute(self, statement: str) -> Rows:
        """Execute a statement and return its rows."""


class PostgreSQLDatabase:
    kind = "postgresql"

    def __init__(self, server: PostgreSQL, name: str) -> None:
        self._server = server
        self._name = name

    def connection_fields(self) -> dict[str, Any]:
        return self._server.connection_fields(self._name)

    def execute(self, statement: str) -> Rows:
        with self._server.connected(self._name) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def hold_locks(self, statement: str) -> Iterator[None]:
        """Hold the locks that a statement takes."""
        with self._server.connected(self._name) as connection, connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
            yield

    def others(self, condition: str = "true") -> int:
        """Return how many other sessions there are, of those for which a condition holds."""
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        [[count]] = self.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {mine} AND {condition}")  # noqa: S608
        session_count: int = count
        return session_count


class SQLiteDatabase:
    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    def connection_fields(self) -> dict[str, Any]:
        return {"conn_type": "sqlite", "host": str(self._path)}

    def execute(self, statement: str) -> Rows:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(statement).fetchall()
