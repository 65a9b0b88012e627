"""The store: a SQLite database in memory or in a file; every change is committed before its response is sent.

It uses ``sqlite3`` directly: a seed of 100,000 users loads within seconds, and one connection is enough.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import schema

if TYPE_CHECKING:
    from pathlib import Path

MAX_CACHED_COUNTS = 1000

Params = Sequence[Any] | dict[str, Any]


class Store:
    """One connection, used only in the event loop's thread, which never awaits within a transaction.

    :param path: the database file; None keeps the data in memory.
    :raises ValueError: if the file is not a store of this version of the emulator.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        with ExitStack() as on_error, _database_error_as_value_error(path):
            self._db = sqlite3.connect(
                path or ":memory:", timeout=1, isolation_level=None, check_same_thread=False
            )
            on_error.callback(self.close)
            self._open(path)
            on_error.pop_all()

    def _open(self, path: Path | None) -> None:
        self._db.row_factory = sqlite3.Row
        # A second emulator on the same file must fail immediately, because counts are cached here.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        version = self.fetch_value("PRAGMA user_version")
        if version == 0 and self.fetch_value("SELECT count(*) FROM sqlite_master"):
            raise ValueError(f"{path} is a database of another program")
        if version not in (0, schema.VERSION):
            raise ValueError(f"{path} is of another version of the emulator: delete it, or name another")
        # With WAL and NORMAL a commit survives the end of the process without waiting for the disk.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        if version == 0:
            self._db.executescript(f"BEGIN; {schema.SQL} PRAGMA user_version = {schema.VERSION}; COMMIT;")
        self._db.executescript("BEGIN EXCLUSIVE; COMMIT;")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the changes of the block, or roll them back if it raises."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._counts.clear()
            if self._db.in_transaction:  # SQLite itself rolls back after some errors, such as a full disk
                self._db.execute("ROLLBACK")
            raise

    def fetch_all(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self._db.execute(sql, params).fetchall()

    def fetch_one(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        row: sqlite3.Row | None = self._db.execute(sql, params).fetchone()
        return row

    def fetch_value(self, sql: str, params: Params = ()) -> Any:
        """Return the first column of the first row of a query, or None."""
        row = self.fetch_one(sql, params)
        return row[0] if row else None

    def count(self, from_clause: str, params: dict[str, Any]) -> int:
        """Return the number of rows of ``FROM ... WHERE ...``.

        Counts are cached until the next write, because every page of a listing needs one.
        """
        key = (from_clause, repr(sorted(params.items())))
        if key not in self._counts:
            if len(self._counts) >= MAX_CACHED_COUNTS:
                self._counts.clear()
            self._counts[key] = self.fetch_value(f"SELECT count(*) {from_clause}", params)
        return self._counts[key]

    def execute(self, sql: str, params: Params = ()) -> sqlite3.Cursor:
        """Execute a write statement and return its cursor."""
        self._counts.clear()
        return self._db.execute(sql, params)

    def insert_many(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        """Insert rows, which all have the columns of the first."""
        iterator = iter(rows)
        first = next(iterator, None)
        if first is not None:
            self._counts.clear()
            self._db.executemany(insert_statement(table, first), chain([first], iterator))

    def clear(self) -> None:
        """Empty the tables that seeds fill, and reset their ids. Call it in a transaction."""
        # Rows may refer to others that are inserted later in the transaction, such as a group to its parent.
        self._db.execute("PRAGMA defer_foreign_keys = ON")
        for table in schema.TABLES:
            self.execute(f"DELETE FROM {table}")
            self.execute("DELETE FROM sqlite_sequence WHERE name = ?", [table])
        sequences = ({"name": table, "seq": first_id - 1} for table, first_id in schema.FIRST_IDS.items())
        self.insert_many("sqlite_sequence", sequences)

    def get_setting(self, name: str) -> str | None:
        """Return a saved setting, or None."""
        value: str | None = self.fetch_value("SELECT value FROM settings WHERE name = ?", [name])
        return value

    def set_setting(self, name: str, value: str) -> None:
        """Save a setting."""
        self.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [name, value])


@contextmanager
def _database_error_as_value_error(path: Path | None) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path} cannot be used as a store: {error}") from error


def insert_statement(table: str, columns: Iterable[str], *, or_ignore: bool = False) -> str:
    """Return a statement with a parameter for each column, which has the column's name."""
    names = list(columns)
    verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
    return f"{verb} INTO {table} ({', '.join(names)}) VALUES (:{', :'.join(names)})"


def contains_pattern(text: str | None) -> str | None:
    """Return the pattern of values that contain a string, for ``LIKE ... ESCAPE '!'``."""
    if text is None:
        return None
    escaped = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def where_clause(conditions: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the conjunction of conditions and its parameters.

    :param conditions: the value of the last parameter of each SQL condition; those with None are left out.
    """
    given = {condition: value for condition, value in conditions.items() if value is not None}
    params = {re.findall(r":(\w+)", condition)[-1]: value for condition, value in given.items()}
    return " AND ".join(given) or "true", params
