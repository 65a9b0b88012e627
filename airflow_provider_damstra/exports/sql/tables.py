"""SQLAlchemy tables of a resource: the target table, and the temporary staging table with the new rows.

The staging table is filled by COPY on PostgreSQL and by INSERT elsewhere. COPY is written here because the
PostgreSQL hook's helpers open a connection of their own, which does not see a temporary table of this one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    MetaData,
    Table,
    Text,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from airflow_provider_damstra.exports.schema import ColumnType, format_timestamp, resource_columns, row_values

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.types import TypeEngine

    from airflow_provider_damstra.exports.dataset import Dataset
    from airflow_provider_damstra.exports.reader import Rows

ROW_NUMBER = "_number"
"""Column of the staging table with the position of the row in the order of reading."""

_SQL_TYPES: dict[ColumnType, TypeEngine[Any]] = {
    ColumnType.INTEGER: BigInteger(),
    ColumnType.NUMBER: Float(53),
    ColumnType.TEXT: Text(),
    ColumnType.BOOLEAN: Boolean(),
    # SQLite has no timestamp type; ISO 8601 strings in UTC sort by time.
    ColumnType.TIMESTAMP: DateTime(timezone=True).with_variant(Text(), "sqlite"),
    ColumnType.JSON: Text().with_variant(JSONB(), "postgresql"),
}

TIMESTAMP = _SQL_TYPES[ColumnType.TIMESTAMP]
"""Type of a column of times."""

VALID_FROM, VALID_TO = "valid_from", "valid_to"
"""Columns of a history: the times from which on, and until before which, a version was the present one."""

DELETED_AT = "deleted_at"
"""Column with the time at which a row was found to be deleted, if deleted rows are kept."""

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@dataclass(frozen=True)
class ResourceTable:
    """Describe the target table of a resource.

    :param name: name of the table, without its schema.
    :param schema: schema of the table; None for the connection's default.
    :param keeps_deleted: whether deleted rows are kept, with the time in ``deleted_at``.
    :param has_history: whether a second table keeps the versions of rows.
    :raises ValueError: if a name is empty, or contains the schema.
    """

    resource: Dataset
    name: str
    schema: str | None = None
    keeps_deleted: bool = False
    has_history: bool = False

    def __post_init__(self) -> None:
        names: dict[str, Any] = {"table": self.name, "schema": self.schema}
        for argument, name in names.items():
            if not (isinstance(name, str) and name.strip()) and not (argument == "schema" and name is None):
                raise ValueError(f"{argument} is {name!r}; it must be a name")
        schema, dot, table = self.name.rpartition(".")
        if dot and self.schema is None:
            raise ValueError(f"table is {self.name!r}; did you mean schema={schema!r}, table={table!r}?")

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @property
    def key(self) -> tuple[str, ...]:
        """Return the names of the key columns."""
        return self.resource.key

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Return the names of the columns that are read from Damstra Learning."""
        return tuple(column.name for column in resource_columns(self.resource))

    @cached_property
    def table(self) -> Table:
        """Return the table to create if the target does not exist."""
        # autoincrement=False: the ids come from Damstra, so the key needs no sequence.
        columns = [
            Column(column.name, _SQL_TYPES[column.type], primary_key=column.is_key, autoincrement=False)
            for column in resource_columns(self.resource)
        ]
        if self.keeps_deleted:
            columns.append(Column(DELETED_AT, TIMESTAMP))
        return Table(self.name, MetaData(schema=self.schema), *columns)

    @cached_property
    def history(self) -> Table:
        """Return the table with the versions of the rows to create if it does not exist.

        One unique index allows one present version of a row, the other index is for points in time.
        """
        table = Table(
            f"{self.name}_history",
            MetaData(schema=self.schema),
            *(
                Column(name, self.table.c[name].type, primary_key=name in self.key, autoincrement=False)
                for name in self.column_names
            ),
            Column(VALID_FROM, TIMESTAMP, primary_key=True),
            Column(VALID_TO, TIMESTAMP),
        )
        key, is_present = [table.c[name] for name in self.key], table.c[VALID_TO].is_(None)
        unique: dict[str, Any] = {
            "unique": True,
            "postgresql_where": is_present,
            "sqlite_where": is_present,
        }
        Index(f"{table.name}_present", *key, **unique)
        Index(f"{table.name}_valid", table.c[VALID_FROM], table.c[VALID_TO])
        return table

    @property
    def tables(self) -> list[Table]:
        """Return the tables that are written."""
        return [self.table, self.history] if self.has_history else [self.table]

    @cached_property
    def staging(self) -> Table:
        """Return the temporary table into which rows are copied before the merge."""
        columns = [Column(name, self.table.c[name].type) for name in self.column_names]
        number = Column(ROW_NUMBER, BigInteger, nullable=False)
        return Table("_damstra_rows", MetaData(), *columns, number, prefixes=["TEMPORARY"])


def validate_lengths(connection: Connection, *names: str | None) -> None:
    """Raise if a name is longer than the database allows: PostgreSQL would cut it."""
    limit = connection.dialect.max_identifier_length
    for name in filter(None, names):
        if len(name.encode()) > limit:
            raise ValueError(f"the name {name!r} is too long: this database allows {limit} bytes")


@contextmanager
def begin_ddl(connection: Connection) -> Iterator[None]:
    """Begin a transaction for DDL, which SQLite's driver would otherwise commit statement by statement."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield


def lock_until_commit(connection: Connection, name: str) -> None:
    """Wait for other tasks that write under a name, and let them wait until the transaction ends.

    On SQLite, which has one writer at a time, this does nothing.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))


def now_in(connection: Connection) -> datetime | str:
    """Return the present time in UTC, in milliseconds, as a value of a column of times."""
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return format_timestamp(now) if connection.dialect.name == "sqlite" else now


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
        """Return the latest ``modifiedDate`` in UTC, or None if there is no such column of times."""
        types = {column.name: column.type for column in resource_columns(self._resource)}
        if types.get("modified_date") is not ColumnType.TIMESTAMP:
            return None
        latest_date = select(func.max(self._table.c.modified_date))
        latest: datetime | str | None = self._connection.execute(latest_date).scalar_one()
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
            column.name for column in resource_columns(self._resource) if column.type is ColumnType.TIMESTAMP
        ]
        names = self._table.columns.keys()
        for row in rows:
            values = dict(
                zip(names, (*row_values(self._resource, row), next(self._row_numbers)), strict=True)
            )
            if is_sqlite:
                values |= {name: values[name] and format_timestamp(values[name]) for name in timestamps}
            yield values
