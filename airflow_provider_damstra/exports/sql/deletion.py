"""Which rows of a table may be deleted because they were not read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, Table, false, insert, or_, select, true
from sqlalchemy.schema import CreateTable, DropTable

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from airflow_provider_damstra.exports.sql.tables import ResourceTable


@dataclass(frozen=True, kw_only=True)
class ReadParents:
    """Which groups, users or sessions were read, once the last page is; ids as the table contains them.

    :param selected: ids of those that were to be read, or None if all were: then the rows of one that is not
        listed any more are deleted, too. Without ids no row is in scope, whatever the resource.
    :param failed: ids of those that could not be read.
    """

    selected: Collection[int | str] | None = None
    failed: Collection[int | str] = ()


class DeletionScope:
    """The rows of the listings that were read; a temporary table contains the ids of parents.

    :param connection: connection with an open transaction.
    """

    def __init__(self, connection: Connection, target: ResourceTable, parents: ReadParents) -> None:
        self._connection = connection
        self._parent_column = target.resource.parent_column
        self._is_selection = parents.selected is not None
        failed = set(parents.failed)
        self._ids = failed if parents.selected is None else set(parents.selected) - failed
        if self._ids:
            # Hashed ids are text.
            id_column = Column("id", target.table.c[self._parent_column].type)
            self._parents = Table("_damstra_parents", MetaData(), id_column, prefixes=["TEMPORARY"])
            connection.execute(CreateTable(self._parents))
            connection.execute(insert(self._parents), [{"id": parent_id} for parent_id in self._ids])

    def contains(self, table: Table) -> ColumnElement[bool]:
        """Return the condition that a row of the table was in a listing that was read."""
        if not self._ids:
            return false() if self._is_selection else true()
        parent, ids = table.c[self._parent_column], select(self._parents.c.id)
        return parent.in_(ids) if self._is_selection else or_(parent.is_(None), parent.not_in(ids))

    def drop(self) -> None:
        """Drop the temporary table, because a pooled connection may be used again."""
        if self._ids:
            self._connection.execute(DropTable(self._parents))
