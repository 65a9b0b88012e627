"""Files and state of an export that is compared with the export of the last DAG run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from logging import getLogger
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from airflow_provider_damstra.storage import StoragePath, atomic_open

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.exports.incremental import RowVersionStore, RunRef
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.resources import Resource
    from airflow_provider_damstra.storage import TaskTry
    from airflow_provider_damstra.task_state import AssetState

log = getLogger(__name__)


@dataclass(kw_only=True)
class IncrementalExport:
    """One export that is compared with the last one.

    :param target_path: path or URL of the exported file.
    :param state: keeps the ``ExportState`` from one DAG run to the next.
    :param run: the DAG run of this export.
    :param all_rows: whether all rows count as new.
    :param find_deleted: whether the keys of deleted rows are written next to the file.
    """

    target_path: str
    task_try: TaskTry
    state: AssetState
    run: RunRef
    all_rows: bool
    find_deleted: bool

    @contextmanager
    def open_versions(self, resource: Resource) -> Iterator[RowVersionStore]:
        """Yield the store that compares rows with the snapshot of the last export."""
        from airflow_provider_damstra.exports.incremental import ExportState, RowVersionStore

        self._last = msgspec.convert(self.state.get() or {}, ExportState)
        self._compared_with = self._last.snapshot_for(self.run)
        with (
            _open_snapshot(self._compared_with) as snapshot,
            RowVersionStore(resource, snapshot=snapshot, all_rows=self.all_rows) as versions,
        ):
            yield versions

    def filter_changed(self, versions: RowVersionStore, pages: Iterator[Rows]) -> Iterator[Rows]:
        """Yield the rows that are new or changed.

        After the last one, the file of deleted keys of an earlier export of this target is removed, because
        some of the rows may exist again: before the new file is in place, and whether or not this export is
        going to write deleted keys.
        """
        yield from versions.filter_changed(pages)
        if self.find_deleted:
            StoragePath(self._deleted_path).unlink()

    def finish(
        self, versions: RowVersionStore, *, has_failed_parents: bool, is_complete: bool
    ) -> dict[str, Any]:
        """Write deleted keys, snapshot and state, after the file is in place.

        :param has_failed_parents: whether parents were left out. The next export is then compared with the
            same snapshot as this one, and no row is reported as deleted.
        :param is_complete: whether no row can have been missed. Otherwise rows are reported as deleted by the
            next run at the earliest.
        :return: ``watermark``, ``deleted_uri`` and ``deleted``, where known.
        """
        if has_failed_parents:
            log.warning("Some were left out, so the next export is compared with the same one as this.")
            return {"watermark": self._last.watermark}
        watermark = versions.watermark.isoformat() if versions.watermark else None
        facts: dict[str, Any] = {"watermark": watermark}
        if self._last.is_after(self.run):
            log.warning("A later DAG run has been exported: the next export is compared with that one.")
            return facts
        if not is_complete:
            log.warning("A row may have been missed, so no row is reported as deleted in this run.")
            versions.keep_missing()
        if self.find_deleted:
            facts["deleted_uri"] = self._deleted_path
            with atomic_open(self._deleted_path, task_try=self.task_try) as file:
                facts["deleted"] = versions.write_deleted(file)
        self._save(versions, watermark=watermark)
        return facts

    @property
    def _deleted_path(self) -> str:
        return f"{self.target_path}.deleted.jsonl"

    def _save(self, versions: RowVersionStore, *, watermark: str | None) -> None:
        from airflow_provider_damstra.exports.incremental import ExportState

        *earlier, snapshot = (self._snapshot_path(number) for number in range(1, self.task_try.number + 1))
        with atomic_open(snapshot, task_try=self.task_try) as file:
            versions.write_snapshot(file)
        state = ExportState(
            watermark=watermark, snapshot=snapshot, run=self.run, compared_with=self._compared_with
        )
        self.state.set(msgspec.to_builtins(state))
        for path in {*earlier, *self._last.files()} - state.files():
            StoragePath(path).unlink()

    def _snapshot_path(self, try_number: int) -> str:
        target = StoragePath(self.target_path)
        return str(target.parent / f".{target.name}.{self.task_try.task}-{try_number}.versions.gz")


def run_ref(context: Context) -> RunRef:
    """Return the DAG run of a context."""
    from airflow_provider_damstra.exports.incremental import RunRef

    run_after = getattr(context["dag_run"], "run_after", None)
    return RunRef(str(context.get("run_id", "")), run_after.isoformat() if run_after else None)


def _open_snapshot(path: str | None) -> AbstractContextManager[BinaryIO | None]:
    try:
        return StoragePath(path).open() if path else nullcontext()
    except FileNotFoundError:
        log.warning("%s, with which this export was to be compared, is missing: all rows are new.", path)
        return nullcontext()
