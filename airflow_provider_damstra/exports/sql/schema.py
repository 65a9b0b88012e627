"""SQLAlchemy tables of a resource: the target table and its staging table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Float, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from airflow_provider_damstra.exports.schema import ColumnType, resource_columns

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

    from airflow_provider_damstra.exports.resources import Resource

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


@dataclass(frozen=True)
class ResourceTable:
    """Describe the target table of a resource.

    :param name: name of the table, without its schema.
    :param schema: schema of the table; None for the connection's default.
    :raises ValueError: if a name is empty, or contains the schema.
    """

    resource: Resource
    name: str
    schema: str | None = None

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
        """Return the names of all columns."""
        return tuple(column.name for column in resource_columns(self.resource))

    @cached_property
    def table(self) -> Table:
        """Return the table to create if the target does not exist."""
        # autoincrement=False: the ids come from Damstra, so the key needs no sequence.
        columns = [
            Column(one.name, _SQL_TYPES[one.type], primary_key=one.is_key, autoincrement=False)
            for one in resource_columns(self.resource)
        ]
        return Table(self.name, MetaData(schema=self.schema), *columns)

    @cached_property
    def staging(self) -> Table:
        """Return the temporary table into which rows are copied before the merge."""
        columns = [Column(column.name, column.type) for column in self.table.columns]
        number = Column(ROW_NUMBER, BigInteger, nullable=False)
        return Table("_damstra_rows", MetaData(), *columns, number, prefixes=["TEMPORARY"])
