"""An export that is compared with the last one, and leaves what the next is compared with."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from logging import getLogger
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.storage import StoragePath, atomic_open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from airflow_provider_damstra.exports.incremental import Increment, Run
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.resources import Resource
    from airflow_provider_damstra.storage import TaskTry
    from airflow_provider_damstra.task_state import AssetState

log = getLogger(__name__)


@dataclass(kw_only=True)
class IncrementalExport:
    """Compares one export with the last.

    :param target_path: path or URL of the file that is written.
    :param state: where is kept what the last export was.
    :param all_rows: whether all rows count as new.
    :param finds_deleted: whether the keys of rows that are gone are written beside the file.
    """

    target_path: str
    task_try: TaskTry
    state: AssetState
    run: Run
    all_rows: bool
    finds_deleted: bool

    @contextmanager
    def increment(self, resource: Resource) -> Iterator[Increment]:
        """Yield what tells which rows are new."""
        from airflow_provider_damstra.exports.incremental import Following, Increment

        self._last = Following.from_json(self.state.get())
        self._compared_with = self._last.versions_for(self.run)
        with (
            _opened_versions(self._compared_with) as known,
            Increment(resource, known=known, all_rows=self.all_rows) as increment,
        ):
            yield increment

    def new_rows(self, increment: Increment, pages: Iterator[Rows]) -> Iterator[Rows]:
        """Yield the rows that are new.

        After the last one, what an earlier export of this target found deleted goes, for some of it may be
        back: before the new file is in place, and whether or not this export will name what is gone.
        """
        yield from increment.new_rows(pages)
        if self.finds_deleted:
            StoragePath(self._deleted_path).unlink()

    def finish(self, increment: Increment, *, is_complete: bool, is_certain: bool) -> dict[str, Any]:
        """Keep what this export was, now that its file is in place, and return what is to be known of it.

        :param is_complete: whether nobody was left out. If somebody was, the next export is compared with the
            same one as this, and nothing is said to be deleted.
        :param is_certain: whether nobody can have been missed. If somebody can, nobody is said to be deleted
            before the next run.
        """
        if not is_complete:
            log.warning("Some were left out, so the next export is compared with the same one as this.")
            return {"watermark": self._last.watermark}
        facts: dict[str, Any] = {
            "watermark": increment.watermark.isoformat() if increment.watermark else None
        }
        if self._last.is_after(self.run):
            log.warning("A later DAG run has been exported: the next export is compared with that one.")
            return facts
        if not is_certain:
            log.warning("Somebody may have been missed, so nobody is said to be deleted in this run.")
            increment.keep_missing()
        if self.finds_deleted:
            facts["deleted_uri"] = self._deleted_path
            with atomic_open(self._deleted_path, task_try=self.task_try) as file:
                facts["deleted"] = increment.write_deleted(file)
        self._keep(increment, watermark=facts["watermark"])
        return facts

    @property
    def _deleted_path(self) -> str:
        return f"{self.target_path}.deleted.jsonl"

    def _keep(self, increment: Increment, *, watermark: str | None) -> None:
        from airflow_provider_damstra.exports.incremental import Following

        *earlier, versions = (self._versions_path(number) for number in range(1, self.task_try.number + 1))
        with atomic_open(versions, task_try=self.task_try) as file:
            increment.write_versions(file)
        this = Following(
            watermark=watermark, versions=versions, run=self.run, compared_with=self._compared_with
        )
        self.state.set(this.as_json())
        for path in {*earlier, *self._last.files()} - this.files():
            StoragePath(path).unlink()

    def _versions_path(self, number: int) -> str:
        target = StoragePath(self.target_path)
        return str(target.parent / f".{target.name}.{self.task_try.task}-{number}.versions.gz")


def run_of(context: Context) -> Run:
    """Return the DAG run of a context."""
    from airflow_provider_damstra.exports.incremental import Run

    run_after = getattr(context["dag_run"], "run_after", None)
    return Run(str(context.get("run_id", "")), run_after.isoformat() if run_after else None)


@contextmanager
def _opened_versions(path: str | None) -> Iterator[Any]:
    if path is None:
        yield None
        return
    try:
        file = StoragePath(path).open("rb")
    except FileNotFoundError:
        log.warning("%s is gone, with which this export was to be compared: all rows are new.", path)
        yield None
        return
    with file:
        yield file
