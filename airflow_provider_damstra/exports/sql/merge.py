"""Statements that bring staged rows into their table, in standard SQL where that will do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, exists, func, insert, not_, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite

from airflow_provider_damstra.exports.sql.schema import NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import ColumnElement, Connection, Delete, FromClause, Select, Table

    from airflow_provider_damstra.exports.sql.schema import ResourceTable

INSERT_ON_CONFLICT: dict[str, Callable[[Table], Any]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}
"""What inserts or updates in one statement; in other databases a row is deleted and inserted again."""


class Merge:
    """Brings the rows of the staging table into the table.

    A row that is there already and differs is updated; one that does not differ is left alone. Of rows with
    the same key the one read last counts: a listing can shift while it is read.

    :param connection: one with a transaction under way.
    """

    def __init__(self, connection: Connection, into: ResourceTable) -> None:
        # Without the option some databases' drivers are not asked how many rows were inserted.
        self._connection = connection.execution_options(preserve_rowcount=True)
        self._into = into
        self._table = into.table
        self._staging = into.staging
        if connection.dialect.name == "postgresql":
            # In a column without a time zone moments are UTC too, and not what the server's clock shows.
            connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))

    def upsert(self) -> dict[str, int]:
        """Return how many rows were ``inserted`` and ``updated``."""
        inserted = self._count_new()
        on_conflict = INSERT_ON_CONFLICT.get(self._connection.dialect.name)
        changed = self._upsert_at_once(on_conflict) if on_conflict else self._delete_and_insert()
        return {"inserted": inserted, "updated": changed - inserted}

    def delete_others(self, kept_parents: Collection[int] = ()) -> int:
        """Return how many rows were deleted because they are not staged.

        :param kept_parents: ids of groups, users or sessions whose rows stay: they could not be read.
        """
        gone: Delete = delete(self._table).where(not_(self._same_key(self._staging)))
        if kept_parents:
            parent = self._table.c[self._into.resource.parent_column]
            gone = gone.where(or_(parent.is_(None), parent.not_in(kept_parents)))
        return self._rows(gone)

    def _upsert_at_once(self, on_conflict: Callable[[Table], Any]) -> int:
        into = on_conflict(self._table).from_select(self._into.names, self._last_rows())
        values = {name: into.excluded[name] for name in self._into.names if name not in self._into.key}
        differs = or_(*(self._table.c[name].is_distinct_from(new) for name, new in values.items()))
        return self._rows(
            into.on_conflict_do_update(index_elements=self._into.key, set_=values, where=differs)
        )

    def _delete_and_insert(self) -> int:
        self._rows(delete(self._table).where(self._same_key(self._staging)))
        return self._rows(insert(self._table).from_select(list(self._into.names), self._last_rows()))

    def _count_new(self) -> int:
        staged = self._last_rows().subquery()
        counted = select(func.count()).select_from(staged).where(not_(self._same_key(staged)))
        return self._connection.execute(counted).scalar_one()

    def _last_rows(self) -> Select[Any]:
        """Select the last row of each key, ordered, so that two of these do not wait for each other."""
        key = [self._staging.c[name] for name in self._into.key]
        place = func.row_number().over(partition_by=key, order_by=self._staging.c[NUMBER].desc())
        names = [self._staging.c[name] for name in self._into.names]
        staged = select(*names, place.label("_place")).subquery()
        return (
            select(*(staged.c[name] for name in self._into.names))
            .where(staged.c["_place"] == 1)
            .order_by(*(staged.c[name] for name in self._into.key))
        )

    def _same_key(self, staged: FromClause) -> ColumnElement[bool]:
        """Return whether there is a row with the same key: staged for one of the table, or the reverse."""
        return exists().where(and_(*(staged.c[name] == self._table.c[name] for name in self._into.key)))

    def _rows(self, statement: Any) -> int:
        return self._connection.execute(statement).rowcount
