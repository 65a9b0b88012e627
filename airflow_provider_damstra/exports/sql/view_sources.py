"""The tables that views read, as they are in the database: names, columns, and rows that are not deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, Table, cast, inspect, null, select

from airflow_provider_damstra.exports.resources import named_resource
from airflow_provider_damstra.exports.sql.tables import DELETED_AT, TIMESTAMP, ResourceTable

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.sql.selectable import Subquery


@dataclass(frozen=True, kw_only=True)
class ViewSources:
    """Tables of resources in a database.

    :param schema: schema of the tables; None for the connection's default.
    :param tables: names of tables by resource; a table that is not named is called like its resource.
    """

    connection: Connection
    schema: str | None = None
    tables: Mapping[str, str]

    def read(self, resource: str, *required: str, optional: Sequence[str] = ()) -> Subquery:
        """Return the rows of a resource that are not deleted, with these columns only.

        :param required: names of columns that the table must have.
        :param optional: names of columns that are NULL if the table lacks them.
        :raises ValueError: if the table does not exist, or lacks a required column.
        """
        target = self._target(resource)
        if not self._exists(target):
            raise ValueError(
                f"there is no table {target} with {resource}: load it with DamstraToSqlOperator, or name the "
                f"table in tables={{{resource!r}: ...}}"
            )
        columns = inspect(self.connection).get_columns(target.name, schema=target.schema)
        existing = {column["name"] for column in columns}
        missing = [name for name in required if name not in existing]
        if missing:
            raise ValueError(f"the table {target} has no column {', '.join(missing)}, which the view needs")
        types = {name: target.table.c[name].type for name in (*required, *optional)}
        table = Table(target.name, MetaData(schema=target.schema), *map(Column, types, types.values()))
        nulls = {name: cast(null(), kind) for name, kind in types.items() if name not in existing}
        rows = select(*(nulls.get(name, table.c[name]).label(name) for name in types))
        if DELETED_AT in existing:
            table.append_column(Column(DELETED_AT, TIMESTAMP))
            rows = rows.where(table.c[DELETED_AT].is_(None))
        return rows.subquery(resource)

    def has(self, resource: str) -> bool:
        """Return whether a table of a resource exists, or is named: then it must exist."""
        return resource in self.tables or self._exists(self._target(resource))

    def _target(self, resource: str) -> ResourceTable:
        return ResourceTable(named_resource(resource), self.tables.get(resource, resource), self.schema)

    def _exists(self, target: ResourceTable) -> bool:
        return inspect(self.connection).has_table(target.name, schema=target.schema)
