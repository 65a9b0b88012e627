"""Rows on the way into their table: in a temporary one, which nobody else sees."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Index, func, insert, select
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from airflow_provider_damstra.exports.schema import ColumnType, columns_of, text_of_moment, values_of
from airflow_provider_damstra.exports.sql.copy import copy_lines, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.sql.schema import ResourceTable


class Staging:
    """The temporary table of one connection.

    :param connection: one with a transaction under way.
    """

    def __init__(self, connection: Connection, into: ResourceTable) -> None:
        self._connection = connection
        self._into = into
        self._numbers = count()
        connection.execute(CreateTable(into.staging))

    def add(self, rows: Rows) -> None:
        """Take rows in.

        :raises DamstraResponseError: if a member of a row is of another type than documented.
        """
        if self._connection.dialect.name == "postgresql":
            lines = lines_of(self._into.resource, rows, self._numbers)
            copy_lines(self._connection, self._into.staging, lines)
        elif rows:
            self._connection.execute(insert(self._into.staging), list(self._values(rows)))

    def watermark(self) -> datetime | None:
        """Return the latest ``modifiedDate`` of the rows, or None where they have none."""
        column = self._into.staging.columns.get("modified_date")
        if column is None:
            return None
        latest: datetime | str | None = self._connection.execute(select(func.max(column))).scalar_one()
        if latest is None:
            return None
        moment = datetime.fromisoformat(latest) if isinstance(latest, str) else latest
        # Where a database's moments have no time zone, they are in UTC.
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    def make_quick_to_search(self) -> None:
        """Make an index on the key, which is quicker when the rows are there."""
        key = [self._into.staging.c[name] for name in self._into.key]
        self._connection.execute(CreateIndex(Index(f"{self._into.staging.name}_key", *key)))

    def drop(self) -> None:
        """Leave nothing to the next user of the connection, which may belong to a pool."""
        self._connection.execute(DropTable(self._into.staging))

    def _values(self, rows: Rows) -> Iterator[dict[str, Any]]:
        resource, has_no_moments = self._into.resource, self._connection.dialect.name == "sqlite"
        moments = [one.name for one in columns_of(resource) if one.type is ColumnType.TIMESTAMP]
        names = self._into.staging.columns.keys()
        for row in rows:
            values = dict(zip(names, (*values_of(resource, row), next(self._numbers)), strict=True))
            if has_no_moments:
                values |= {name: values[name] and text_of_moment(values[name]) for name in moments}
            yield values
