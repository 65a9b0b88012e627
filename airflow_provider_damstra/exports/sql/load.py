"""Rows into a table: batch by batch, or all at once when the last one is read."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_damstra.exports.formats import write_json_lines
from airflow_provider_damstra.exports.progress import Progress
from airflow_provider_damstra.exports.sql.merge import Merge
from airflow_provider_damstra.exports.sql.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Engine

    from airflow_provider_damstra.exports.consistent_pagination import Pages
    from airflow_provider_damstra.exports.reader import Batch, Export, Rows
    from airflow_provider_damstra.exports.sql.schema import ResourceTable

log = logging.getLogger(__name__)


def upsert_batches(engine: Engine, into: ResourceTable, batches: Iterable[Rows]) -> dict[str, Any]:
    """Insert or update the rows, one transaction for each batch, and return what became of them.

    Nothing is open in the database while a batch is waited for.
    """
    facts, watermark = Counter(rows=0, inserted=0, updated=0), None
    for rows in batches:
        with engine.begin() as connection:
            staging = Staging(connection, into)
            staging.add(rows)
            staging.make_quick_to_search()
            facts.update(Merge(connection, into).upsert())
            watermark = max(filter(None, (watermark, staging.watermark())), default=None)
            staging.drop()
        facts["rows"] += len(rows)
    return {**facts, "watermark": _text(watermark)}


def replace_all(
    engine: Engine,
    into: ResourceTable,
    pages: Iterable[Rows],
    *,
    batch_size: int,
    kept_parents: Collection[int] = (),
    is_certain: Callable[[], bool] = lambda: True,
) -> dict[str, Any]:
    """Let the table hold these rows and no others: readers see all of the old ones, then all of the new.

    The rows wait in a file of this machine, so that nothing is open in the database while they are read, and
    all that is done there is one transaction.

    :param batch_size: how many rows are in memory at once.
    :param kept_parents: ids of groups, users or sessions whose rows stay; looked at when all rows are read.
    :param is_certain: is asked when all rows are read whether none can have been missed; if one can, no row
        is deleted.
    """
    with TemporaryFile() as waiting:
        count = write_json_lines(waiting, pages)["rows"]
        deletes = is_certain()
        if not deletes:
            log.warning("A row may have been missed, so none is deleted from the table %s this time.", into)
        log.info("%d rows are read; they go into the table %s now", count, into)
        waiting.seek(0)
        with engine.begin() as connection:
            staging = Staging(connection, into)
            for rows in _batches_in(waiting, size=batch_size):
                staging.add(rows)
            staging.make_quick_to_search()
            merge = Merge(connection, into)
            deleted = merge.delete_others(kept_parents) if deletes else 0
            changed = merge.upsert()
            watermark = staging.watermark()
            staging.drop()
    return {"rows": count, **changed, "deleted": deleted, "watermark": _text(watermark)}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _batches_in(file: IO[bytes], *, size: int) -> Iterator[Rows]:
    """Yield the rows of a file of JSON lines."""
    while lines := list(islice(file, size)):
        yield [line.rstrip(b"\n") for line in lines]


def batches_of(
    read: Iterable[Batch], *, size: int, written: Callable[[list[int]], None] = lambda parent_ids: None
) -> Iterator[Rows]:
    """Yield rows in batches of at least ``size``; the last one may be smaller.

    :param written: is given the parents that have no more rows to come, when theirs are written: who asks for
        the next batch has done that with this one.
    """
    rows: Rows = []
    finished: list[int] = []
    for batch in read:
        rows += batch.rows
        if batch.is_last_of_parent and batch.parent_id is not None:
            finished.append(batch.parent_id)
        if len(rows) >= size:
            yield rows
            written(finished)
            rows, finished = [], []
    if rows:
        yield rows


def read_with_progress(
    export: Export, client: Pages, *, done: Collection[int] = frozenset()
) -> Iterator[Batch]:
    """Yield what is read as it comes, and say in the log how far it is.

    :param done: parents that are not asked.
    :raises DamstraError: if a listing failed.
    """
    name, parent = export.resource.name, export.resource.parent
    if parent is None:
        progress = Progress(name, "rows", total=lambda: export.total)
    else:
        ids = list(export.parents(client, concurrency=export.max_concurrency))
        export.parent_ids = ids
        progress = Progress(name, parent, total=lambda: len(ids), done_before=len({*ids} & {*done}))
    for batch in export.batches(client, done=done):
        yield batch
        if parent is None:
            progress.add(len(batch.rows))
        else:
            progress.add(int(batch.is_last_of_parent), rows=len(batch.rows))
