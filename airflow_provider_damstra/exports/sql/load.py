"""Loading of rows into a table: batch by batch (upsert) or in one transaction at the end (replace).

Rows are copied into a staging table and merged from there into the target table.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, exists, func, insert, not_, null, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from airflow_provider_damstra.exports.formats import write_json_lines
from airflow_provider_damstra.exports.sql.deletion import DeletionScope, ReadParents
from airflow_provider_damstra.exports.sql.history import HistoryMerge
from airflow_provider_damstra.exports.sql.tables import DELETED_AT, ROW_NUMBER, StagingTable, now_in

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Select, Table

    from airflow_provider_damstra.exports.reader import RowPage, Rows
    from airflow_provider_damstra.exports.sql.tables import ResourceTable

INSERT_ON_CONFLICT: dict[str, Callable[[Table], Any]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}
"""Dialects with INSERT ... ON CONFLICT; on other databases rows are deleted and inserted."""

log = logging.getLogger(__name__)


def upsert_batches(engine: Engine, target: ResourceTable, batches: Iterable[Rows]) -> dict[str, Any]:
    """Insert or update rows, one transaction for each batch.

    No transaction is open while the next batch is read.

    :return: the numbers of ``rows``, ``inserted`` and ``updated`` rows, and the ``watermark``; with a history
        also the numbers ``history_inserted`` and ``history_ended`` of its versions.
    """
    counts, watermark = Counter(rows=0, inserted=0, updated=0), None
    if target.has_history:
        counts.update(history_inserted=0, history_ended=0)
    for rows in batches:
        with engine.begin() as connection:
            staging = StagingTable(connection, target)
            staging.add(rows)
            staging.create_key_index()
            counts.update(Merge(connection, target).merge())
            watermark = max(filter(None, (watermark, staging.watermark())), default=None)
            staging.drop()
        counts["rows"] += len(rows)
    return {**counts, "watermark": _isoformat(watermark)}


def replace_all(
    engine: Engine,
    target: ResourceTable,
    pages: Iterable[Rows],
    *,
    batch_size: int,
    parents: Callable[[], ReadParents] = ReadParents,
    is_complete: Callable[[], bool] = lambda: True,
) -> dict[str, Any]:
    """Replace the rows of the table in one transaction: readers see either the old rows or the new ones.

    The rows are first written to a temporary file of this machine, so that no transaction is open while they
    are read from the API.

    :param batch_size: rows in memory at the same time.
    :param parents: called after the last page; returns the groups, users or sessions whose rows are replaced.
    :param is_complete: called after the last page; returns False if a row may have been missed, in which
        case no row is deleted.
    :return: the numbers of ``rows``, ``inserted``, ``updated`` and ``deleted`` rows, and the ``watermark``;
        with a history also the numbers ``history_inserted`` and ``history_ended`` of its versions.
    """
    with TemporaryFile() as file:
        count = write_json_lines(file, pages)["rows"]
        deletes = is_complete()
        if not deletes:
            log.warning("A row may have been missed, so no row of the table %s is deleted this time.", target)
        log.info("%d rows were read; writing them to the table %s", count, target)
        file.seek(0)
        with engine.begin() as connection:
            staging = StagingTable(connection, target)
            while lines := list(islice(file, batch_size)):
                staging.add([line.rstrip(b"\n") for line in lines])
            staging.create_key_index()
            counts = Merge(connection, target).merge(missing_of=parents() if deletes else None)
            counts.setdefault("deleted", 0)
            watermark = staging.watermark()
            staging.drop()
    return {"rows": count, **counts, "watermark": _isoformat(watermark)}


def _isoformat(timestamp: datetime | None) -> str | None:
    return timestamp.isoformat() if timestamp else None


def batches_of(
    pages: Iterable[RowPage],
    *,
    size: int,
    on_parents_written: Callable[[list[int]], None] = lambda parent_ids: None,
) -> Iterator[Rows]:
    """Yield rows in batches of at least ``size``; the last one may be smaller.

    :param on_parents_written: called with the ids of the parents whose rows are all written: a request for
        the next batch means that the last one was written.
    """
    rows: Rows = []
    completed: list[int] = []
    for page in pages:
        rows += page.rows
        if page.is_last and page.parent_id is not None:
            completed.append(page.parent_id)
        if len(rows) >= size:
            yield rows
            on_parents_written(completed)
            rows, completed = [], []
    if rows:
        yield rows


class Merge:
    """Merge the staged rows into the target table.

    New rows are inserted, changed rows updated, unchanged rows left alone. If several staged rows have the
    same key, the row that was read last is used: a listing can shift while it is read.

    :param connection: connection with an open transaction.
    """

    def __init__(self, connection: Connection, target: ResourceTable) -> None:
        # Without preserve_rowcount some drivers do not report how many rows were inserted.
        self._connection = connection.execution_options(preserve_rowcount=True)
        self._target = target
        self._table = target.table
        self._staging = target.staging
        if connection.dialect.name == "postgresql":
            # Columns without time zone store UTC, independent of the server's time zone.
            connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))

    def merge(self, *, missing_of: ReadParents | None = None) -> dict[str, int]:
        """Insert new and update changed rows, and delete those that are not staged.

        :param missing_of: the groups, users or sessions of which missing rows are deleted; None deletes none.
        :return: the numbers ``inserted``, ``updated`` and, if rows are deleted, ``deleted``; with a history
            also ``history_inserted`` and ``history_ended``.
        """
        scope = DeletionScope(self._connection, self._target, missing_of) if missing_of else None
        versions: dict[str, int] = {}
        if self._target.has_history:
            history = HistoryMerge(self._connection, self._target)
            versions = history.merge(self._latest_rows(), scope)
        deleted = {"deleted": self._delete_missing(scope)} if scope else {}
        counts = {**self._upsert(), **deleted, **versions}
        if scope:
            scope.drop()
        return counts

    def _upsert(self) -> dict[str, int]:
        inserted = self._count_new_rows()
        on_conflict = INSERT_ON_CONFLICT.get(self._connection.dialect.name)
        affected = self._insert_on_conflict(on_conflict) if on_conflict else self._delete_and_insert()
        return {"inserted": inserted, "updated": affected - inserted}

    def _delete_missing(self, scope: DeletionScope) -> int:
        is_missing = and_(not_(self._same_key(self._staging)), scope.contains(self._table))
        if not self._target.keeps_deleted:
            return self._execute(delete(self._table).where(is_missing))
        deleted_at = self._table.c[DELETED_AT]
        marking = update(self._table).where(deleted_at.is_(None), is_missing)
        return self._execute(marking.values({DELETED_AT: now_in(self._connection)}))

    def _insert_on_conflict(self, on_conflict: Callable[[Table], Any]) -> int:
        names = self._target.column_names
        statement = on_conflict(self._table).from_select(names, self._latest_rows())
        new_values: dict[str, ColumnElement[Any]] = {
            name: statement.excluded[name] for name in names if name not in self._target.key
        }
        if self._target.keeps_deleted:
            new_values[DELETED_AT] = null()
        differs = or_(*(self._table.c[name].is_distinct_from(new) for name, new in new_values.items()))
        return self._execute(
            statement.on_conflict_do_update(index_elements=self._target.key, set_=new_values, where=differs)
        )

    def _delete_and_insert(self) -> int:
        self._execute(delete(self._table).where(self._same_key(self._staging)))
        names = list(self._target.column_names)
        return self._execute(insert(self._table).from_select(names, self._latest_rows()))

    def _count_new_rows(self) -> int:
        staged = self._latest_rows().subquery()
        counted = select(func.count()).select_from(staged).where(not_(self._same_key(staged)))
        return self._connection.execute(counted).scalar_one()

    def _latest_rows(self) -> Select[Any]:
        """Select the last row of each key, in key order, so that concurrent merges do not deadlock."""
        key = [self._staging.c[name] for name in self._target.key]
        rank = func.row_number().over(partition_by=key, order_by=self._staging.c[ROW_NUMBER].desc())
        columns = [self._staging.c[name] for name in self._target.column_names]
        staged = select(*columns, rank.label("_rank")).subquery()
        return (
            select(*(staged.c[name] for name in self._target.column_names))
            .where(staged.c["_rank"] == 1)
            .order_by(*(staged.c[name] for name in self._target.key))
        )

    def _same_key(self, staged: FromClause) -> ColumnElement[bool]:
        """Return EXISTS(a row with the same key), correlated with the enclosing statement."""
        return exists().where(and_(*(staged.c[name] == self._table.c[name] for name in self._target.key)))

    def _execute(self, statement: Any) -> int:
        return self._connection.execute(statement).rowcount
