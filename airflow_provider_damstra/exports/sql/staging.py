"""The staging table: a temporary table, filled by COPY on PostgreSQL and by INSERT elsewhere.

COPY is written here because the PostgreSQL hook's helpers open a connection of their own, which does not see
a temporary table of this one.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Index, func, insert, select
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from airflow_provider_damstra.exports.schema import ColumnType, format_timestamp, resource_columns, row_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.sql.schema import ResourceTable

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class StagingTable:
    """Create and fill the staging table of a connection.

    :param connection: connection with an open transaction.
    """

    def __init__(self, connection: Connection, target: ResourceTable) -> None:
        self._connection = connection
        self._resource = target.resource
        self._key = target.key
        self._table = target.staging
        self._row_numbers = count()
        connection.execute(CreateTable(self._table))

    def add(self, rows: Rows) -> None:
        """Insert rows.

        :raises DamstraResponseError: if a field of a row has another type than documented.
        """
        if self._connection.dialect.name == "postgresql":
            self._copy(rows)
        elif rows:
            self._connection.execute(insert(self._table), list(self._parameters(rows)))

    def watermark(self) -> datetime | None:
        """Return the latest ``modifiedDate`` in UTC, or None if the resource has no such field."""
        column = self._table.columns.get("modified_date")
        if column is None:
            return None
        latest: datetime | str | None = self._connection.execute(select(func.max(column))).scalar_one()
        if latest is None:
            return None
        timestamp = datetime.fromisoformat(latest) if isinstance(latest, str) else latest
        # Databases without time zones return the stored UTC time as a naive datetime.
        return timestamp.astimezone(UTC) if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)

    def create_key_index(self) -> None:
        """Create an index on the key; after the load this is faster than maintaining it row by row."""
        columns = [self._table.c[name] for name in self._key]
        self._connection.execute(CreateIndex(Index(f"{self._table.name}_key", *columns)))

    def drop(self) -> None:
        """Drop the table, because a pooled connection may be used again."""
        self._connection.execute(DropTable(self._table))

    def _copy(self, rows: Rows) -> None:
        """Load rows with COPY, which psycopg and psycopg2 offer under different names."""
        quote = self._connection.dialect.identifier_preparer.quote
        names = ", ".join(quote(column.name) for column in self._table.columns)
        command = f"COPY {quote(self._table.name)} ({names}) FROM STDIN"
        text = "".join(self._copy_lines(rows)).encode()
        driver: Any = self._connection.connection
        with driver.cursor() as cursor:
            if hasattr(cursor, "copy"):
                with cursor.copy(command) as target:
                    target.write(text)
            else:
                cursor.copy_expert(command, io.BytesIO(text))

    def _copy_lines(self, rows: Rows) -> Iterator[str]:
        """Yield rows in COPY's text format; U+FFFD replaces NUL, which PostgreSQL cannot store."""
        for row in map(bytes, rows):
            # In JSON every character that COPY escapes is written with a backslash.
            needs_escapes = b"\\" in row
            values = row_values(
                self._resource, _ESCAPED_NUL.sub(rb"\1\\ufffd", row) if needs_escapes else row
            )
            cells = ["\\N" if value is None else str(value) for value in values]
            if needs_escapes:
                cells = [
                    cell if value is None else cell.translate(_COPY_ESCAPES)
                    for cell, value in zip(cells, values, strict=True)
                ]
            yield "\t".join(cells) + f"\t{next(self._row_numbers)}\n"

    def _parameters(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """Yield rows as parameters of INSERT, with timestamps as strings on SQLite."""
        is_sqlite = self._connection.dialect.name == "sqlite"
        timestamps = [
            one.name for one in resource_columns(self._resource) if one.type is ColumnType.TIMESTAMP
        ]
        names = self._table.columns.keys()
        for row in rows:
            values = dict(
                zip(names, (*row_values(self._resource, row), next(self._row_numbers)), strict=True)
            )
            if is_sqlite:
                values |= {name: values[name] and format_timestamp(values[name]) for name in timestamps}
            yield values
