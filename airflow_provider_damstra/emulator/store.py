"""The store: an SQLite database, in memory or in a file. Every change is committed before it is answered."""

# ruff: noqa: S608 (tables and columns are named in this package, values are bound)

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import schema

if TYPE_CHECKING:
    from pathlib import Path

_REMEMBERED = 1000

Values = Sequence[Any] | dict[str, Any]


class Store:
    """One connection, used by the event loop's thread alone, which never pauses within a transaction.

    :param path: the file that keeps the store; without one it lives in memory.
    :raises ValueError: if the file is not a store of this version of the emulator.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        with ExitStack() as unless_it_opens, _explained(path):
            self._db = sqlite3.connect(
                path or ":memory:", timeout=1, isolation_level=None, check_same_thread=False
            )
            unless_it_opens.callback(self.close)
            self._open(path)
            unless_it_opens.pop_all()

    def _open(self, path: Path | None) -> None:
        self._db.row_factory = sqlite3.Row
        # Another emulator on the same file is to fail at once, not to change what this one remembers.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        found = self.fetch_value("PRAGMA user_version")
        if found == 0 and self.fetch_value("SELECT count(*) FROM sqlite_master"):
            raise ValueError(f"{path} is a database of another program")
        if found not in (0, schema.VERSION):
            raise ValueError(f"{path} is of another version of the emulator: delete it, or name another")
        # A commit then survives the end of the process, and costs no wait for the disk.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        if found == 0:
            self._db.executescript(f"BEGIN; {schema.SQL} PRAGMA user_version = {schema.VERSION}; COMMIT;")
        self._db.executescript("BEGIN EXCLUSIVE; COMMIT;")

    def close(self) -> None:
        """End the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what happens inside happen as a whole, or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._counts.clear()
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def fetch_all(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        """Return all rows that a query finds."""
        return self._db.execute(sql, values).fetchall()

    def fetch_one(self, sql: str, values: Values = ()) -> sqlite3.Row | None:
        """Return the first row that a query finds, or None."""
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return row

    def fetch_value(self, sql: str, values: Values = ()) -> Any:
        """Return the first value of the first row, or None."""
        row = self.fetch_one(sql, values)
        return row[0] if row else None

    def count(self, tail: str, values: dict[str, Any]) -> int:
        """Return how many rows ``FROM ...`` finds.

        It is remembered until something is written: a listing asks for it with every page.
        """
        key = (tail, repr(sorted(values.items())))
        if key not in self._counts:
            if len(self._counts) >= _REMEMBERED:
                self._counts.clear()
            self._counts[key] = self.fetch_value(f"SELECT count(*) {tail}", values)
        return self._counts[key]

    def execute(self, sql: str, values: Values = ()) -> sqlite3.Cursor:
        """Carry out a change and return its cursor."""
        self._counts.clear()
        return self._db.execute(sql, values)

    def execute_many(self, sql: str, rows: Iterable[Values]) -> None:
        """Carry out the same change for many rows."""
        self._counts.clear()
        self._db.executemany(sql, rows)

    def clear(self) -> None:
        """Empty the tables that a seed fills, and let their ids start again."""
        for table in schema.TABLES:
            self.execute(f"DELETE FROM {table}")
            self.execute("DELETE FROM sqlite_sequence WHERE name = ?", [table])
        firsts = [(table, first - 1) for table, first in schema.FIRST_IDS.items()]
        self.execute_many("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", firsts)

    def get_setting(self, name: str) -> str | None:
        """Return what was kept under a name, or None."""
        value: str | None = self.fetch_value("SELECT value FROM settings WHERE name = ?", [name])
        return value

    def set_setting(self, name: str, value: str) -> None:
        """Keep a text under a name."""
        self.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [name, value])


@contextmanager
def _explained(path: Path | None) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path} cannot be used as a store: {error}") from error


def like(part: str | None) -> str | None:
    """Return the pattern of texts that contain a part, for ``LIKE ... ESCAPE '!'``."""
    if part is None:
        return None
    escaped = part.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def fitting(conditions: dict[str, tuple[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return the condition that all of some hold, with its values; one whose value is None is left out."""
    given = {name: (sql, value) for name, (sql, value) in conditions.items() if value is not None}
    where = " AND ".join(sql for sql, _ in given.values()) or "true"
    return where, {name: value for name, (_, value) in given.items()}
