"""History of a table: a second table with each version of a row and the time in which it was valid.

The present version of a row has no ``valid_to``; a deleted row has only versions with one. Versions are added
and ended, and never changed. Their times are those of writing: no version is valid before it was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    MetaData,
    Table,
    and_,
    exists,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.schema import CreateTable, DropTable

from airflow_provider_damstra.exports.sql.tables import (
    TIMESTAMP,
    VALID_FROM,
    VALID_TO,
    lock_until_commit,
    now_in,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from airflow_provider_damstra.exports.sql.deletion import DeletionScope
    from airflow_provider_damstra.exports.sql.tables import ResourceTable


class HistoryMerge:
    """Add what is staged to the history, as versions that are valid from now on.

    Versions that another task has written with a later time, by a clock that is ahead, are left alone; the
    next load then continues from them.

    :param connection: connection with an open transaction, which locks the history against other writers.
    """

    def __init__(self, connection: Connection, target: ResourceTable) -> None:
        self._connection = connection
        self._target = target
        self._table = target.history
        lock_until_commit(connection, self._table.name)
        # After the lock: of two writers, the one that waits has the later time.
        self._now = now_in(connection)

    def merge(self, latest_rows: Select[Any], scope: DeletionScope | None) -> dict[str, int]:
        """Add the versions of new and changed rows; end those that they replace and those of missing rows.

        :param latest_rows: selects the last staged row of each key.
        :param scope: of which listings rows can be missing; None ends no version of a missing row.
        :return: the numbers ``history_inserted`` and ``history_ended``.
        """
        columns = [Column(name, self._table.c[name].type) for name in self._target.column_names]
        changes = Table("_damstra_changes", MetaData(), *columns, prefixes=["TEMPORARY"])
        self._connection.execute(CreateTable(changes))
        self._execute(insert(changes).from_select(list(changes.c.keys()), self._changed(latest_rows)))
        ended = self._end(self._key_in(changes))
        inserted = self._insert(changes)
        self._connection.execute(DropTable(changes))
        if scope:
            missing = not_(exists().where(self._same_key(self._target.staging)))
            ended += self._end(and_(missing, scope.contains(self._table)))
        return {"history_inserted": inserted, "history_ended": ended}

    def _changed(self, latest_rows: Select[Any]) -> Select[Any]:
        staged = latest_rows.subquery()
        same_values = (
            self._table.c[name].is_not_distinct_from(staged.c[name])
            for name in self._target.column_names
            if name not in self._target.key
        )
        is_present = self._table.c[VALID_TO].is_(None)
        unchanged = exists().where(and_(self._same_key(staged), is_present, *same_values))
        return select(*staged.c).where(not_(unchanged))

    def _insert(self, changes: Table) -> int:
        valid_to = self._table.c[VALID_TO]
        valid_now_or_later = and_(self._same_key(changes), or_(valid_to.is_(None), valid_to > self._now))
        # Counted for each row: of NOT EXISTS, PostgreSQL makes a join that reads the whole history.
        versions = select(func.count()).where(valid_now_or_later).correlate(changes).scalar_subquery()
        valid_from = literal(self._now, TIMESTAMP)
        rows = select(*changes.c, valid_from, null()).where(versions == 0)
        return self._execute(insert(self._table).from_select([*changes.c.keys(), VALID_FROM, VALID_TO], rows))

    def _end(self, condition: ColumnElement[bool]) -> int:
        valid_from, valid_to = self._table.c[VALID_FROM], self._table.c[VALID_TO]
        ending = update(self._table).where(valid_to.is_(None), valid_from < self._now, condition)
        return self._execute(ending.values({VALID_TO: self._now}))

    def _key_in(self, changes: Table) -> ColumnElement[bool]:
        """Return the condition that a row's key is among the changes; by IN, which SQLite looks up."""
        key = tuple_(*(self._table.c[name] for name in self._target.key))
        return key.in_(select(*(changes.c[name] for name in self._target.key)))

    def _same_key(self, rows: FromClause) -> ColumnElement[bool]:
        return and_(*(rows.c[name] == self._table.c[name] for name in self._target.key))

    def _execute(self, statement: Any) -> int:
        return self._connection.execute(statement).rowcount
