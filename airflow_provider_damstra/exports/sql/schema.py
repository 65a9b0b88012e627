"""A resource as a table: its columns, what tells its rows apart, and the table on the way there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Float, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from airflow_provider_damstra.exports.schema import ColumnType, columns_of

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

    from airflow_provider_damstra.exports.resources import Resource

NUMBER = "_number"
"""The column of the staging table that says in which order the rows were read."""


@dataclass(frozen=True)
class ResourceTable:
    """The table that holds a resource's rows.

    :raises ValueError: if a name is none.
    """

    resource: Resource
    name: str
    schema: str | None = None

    def __post_init__(self) -> None:
        names: dict[str, Any] = {"table": self.name, "schema": self.schema}
        for what, name in names.items():
            if not (isinstance(name, str) and name.strip()) and not (what == "schema" and name is None):
                raise ValueError(f"{what} is {name!r}; it is a name")
        schema, dot, table = self.name.rpartition(".")
        if dot and self.schema is None:
            raise ValueError(f"table is {self.name!r}; did you mean schema={schema!r}, table={table!r}?")

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @property
    def key(self) -> tuple[str, ...]:
        """Return the names of the columns that tell a row from all others."""
        return self.resource.key

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of its columns."""
        return tuple(column.name for column in columns_of(self.resource))

    @cached_property
    def table(self) -> Table:
        """Return the table, as it is made where there is none."""
        # No sequence for the key: the ids are Damstra's.
        columns = [
            Column(one.name, type_of(one.type), primary_key=one.is_key, autoincrement=False)
            for one in columns_of(self.resource)
        ]
        return Table(self.name, MetaData(schema=self.schema), *columns)

    @cached_property
    def staging(self) -> Table:
        """Return the temporary table in which rows wait until they are brought into the other at once."""
        columns = [Column(column.name, column.type) for column in self.table.columns]
        number = Column(NUMBER, BigInteger, nullable=False)
        return Table("_damstra_rows", MetaData(), *columns, number, prefixes=["TEMPORARY"])


_TYPES: dict[ColumnType, TypeEngine[Any]] = {
    ColumnType.INTEGER: BigInteger(),
    ColumnType.NUMBER: Float(53),
    ColumnType.TEXT: Text(),
    ColumnType.BOOLEAN: Boolean(),
    # SQLite has no type for moments: as texts in UTC they sort by time.
    ColumnType.TIMESTAMP: DateTime(timezone=True).with_variant(Text(), "sqlite"),
    ColumnType.JSON: Text().with_variant(JSONB(), "postgresql"),
}


def type_of(kind: ColumnType) -> TypeEngine[Any]:
    """Return the type of a column; for some databases it holds another one."""
    return _TYPES[kind]
