"""The emulator's store, read with SQL from a copy of its file: independent of the API and of both clients."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Store:
    """A copy of the store.

    :param connection: a connection to the copy.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fetch(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query with named parameters."""
        return self._connection.execute(query, values).fetchall()

    def values(self, query: str, **values: object) -> list[Any]:
        """Return the only column of a query."""
        return [value for (value,) in self.fetch(query, **values)]


@contextmanager
def copied_store(file: Path) -> Iterator[Store]:
    """Yield a copy of the store of an emulator to which no change is being made.

    The emulator locks the file itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        shutil.copy(file, copy)
        log = file.with_name(f"{file.name}-wal")
        if log.exists():
            shutil.copy(log, copy.with_name(log.name))
        with closing(sqlite3.connect(copy)) as connection:
            yield Store(connection)
