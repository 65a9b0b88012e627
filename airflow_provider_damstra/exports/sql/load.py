"""Loading of rows into a table: batch by batch (upsert) or in one transaction at the end (replace)."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import islice
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.formats import write_json_lines
from airflow_provider_damstra.exports.sql.merge import Merge
from airflow_provider_damstra.exports.sql.tables import StagingTable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Engine

    from airflow_provider_damstra.exports.reader import RowPage, Rows
    from airflow_provider_damstra.exports.sql.tables import ResourceTable

log = logging.getLogger(__name__)


def upsert_batches(engine: Engine, target: ResourceTable, batches: Iterable[Rows]) -> dict[str, Any]:
    """Insert or update rows, one transaction for each batch.

    No transaction is open while the next batch is read.

    :return: the numbers of ``rows``, ``inserted`` and ``updated`` rows, and the ``watermark``.
    """
    counts, watermark = Counter(rows=0, inserted=0, updated=0), None
    for rows in batches:
        with engine.begin() as connection:
            staging = StagingTable(connection, target)
            staging.add(rows)
            staging.create_key_index()
            counts.update(Merge(connection, target).upsert())
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
    kept_parents: Collection[int] = (),
    is_complete: Callable[[], bool] = lambda: True,
) -> dict[str, Any]:
    """Replace all rows of the table in one transaction: readers see either the old rows or the new ones.

    The rows are first written to a temporary file of this machine, so that no transaction is open while they
    are read from the API.

    :param batch_size: rows in memory at the same time.
    :param kept_parents: ids of groups, users or sessions whose rows are kept; evaluated after the last page.
    :param is_complete: called after the last page; returns False if a row may have been missed, in which
        case no row is deleted.
    :return: the numbers of ``rows``, ``inserted``, ``updated`` and ``deleted`` rows, and the ``watermark``.
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
            merge = Merge(connection, target)
            deleted = merge.delete_missing(kept_parents) if deletes else 0
            changed = merge.upsert()
            watermark = staging.watermark()
            staging.drop()
    return {"rows": count, **changed, "deleted": deleted, "watermark": _isoformat(watermark)}


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
