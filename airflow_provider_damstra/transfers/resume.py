"""State from which a retry of a transfer continues: a file's checkpoint, the parents of a table."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.storage import TEMPORARY_SUFFIX, StoragePath, TaskTry
from airflow_provider_damstra.storage_errors import log_cleanup_errors
from airflow_provider_damstra.task_state import TaskState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.exports.checkpoint import Checkpoint

_CHECKPOINT_KEY = "checkpoint_folder"
_CHECKPOINT_SUFFIX = ".checkpoint"
_WRITTEN_PARENTS_KEY = "written_parents"
_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")

log = logging.getLogger(__name__)


@contextmanager
def open_checkpoint(target_path: str, context: Context, *, fingerprint: str) -> Iterator[Checkpoint]:
    """Yield the checkpoint of this task instance, new or with the pages of earlier tries.

    It is a hidden folder next to the target. Airflow 3.3 and later keep its path in the task's state, so that
    it is found although the target is rendered to another path. It is removed when the block succeeds or no
    retry follows. Checkpoints that killed tries of this task's other DAG runs left next to the target are
    removed, too.

    :param fingerprint: identifies what is read.
    """
    from airflow_provider_damstra.exports.checkpoint import Checkpoint

    state = TaskState(context)
    owner = _owner(context)
    folder = _checkpoint_folder(target_path, TaskTry.of(context), state.get(_CHECKPOINT_KEY))
    with log_cleanup_errors():
        _remove_abandoned(folder.parent, context, owner)
    checkpoint = Checkpoint(folder, fingerprint=fingerprint, owner=owner)
    state.set(_CHECKPOINT_KEY, str(folder))
    try:
        yield checkpoint
    except BaseException:
        if not _has_retry(context):
            with log_cleanup_errors():
                checkpoint.remove()
        raise
    checkpoint.remove()


def _checkpoint_folder(target_path: str, task_try: TaskTry, known: str | None) -> StoragePath:
    target = StoragePath(target_path)
    if known is not None and (folder := StoragePath(known)).exists():
        return folder
    return target.parent / f".{target.name}.{task_try.task}{_CHECKPOINT_SUFFIX}"


def _has_retry(context: Context) -> bool:
    """Return whether Airflow retries the task if it fails."""
    ti: Any = context["ti"]
    return bool(getattr(ti, "try_number", 1) <= getattr(ti, "max_tries", 0))


def _owner(context: Context) -> dict[str, Any]:
    ti: Any = context["ti"]
    return {name: getattr(ti, name, None) for name in ("dag_id", "task_id", "map_index", "run_id")}


def _remove_abandoned(folder: StoragePath, context: Context, owner: Mapping[str, Any]) -> None:
    """Remove checkpoints and temporary files of killed tries of this task's other, ended DAG runs."""
    from airflow_provider_damstra.exports.checkpoint import expired_owner

    names = folder.list_names()
    for name in names:
        if not (name.startswith(".") and name.endswith(_CHECKPOINT_SUFFIX)):
            continue
        other = expired_owner(folder / name)
        if other and _is_ended_run_of(owner, other, context):
            log.info("%s is removed: a killed try of another DAG run has left it.", folder / name)
            prefix = name.removesuffix(_CHECKPOINT_SUFFIX) + "-"
            for temporary in names:
                if temporary.startswith(prefix) and temporary.endswith(TEMPORARY_SUFFIX):
                    (folder / temporary).unlink()
            (folder / name).rmtree()


def _is_ended_run_of(owner: Mapping[str, Any], other: Mapping[str, Any], context: Context) -> bool:
    """Return whether a task instance is of another DAG run, which has ended or does not exist any more."""
    is_same_task = all(other.get(name) == owner[name] for name in ("dag_id", "task_id"))
    if not (is_same_task and other.keys() >= owner.keys()) or other["run_id"] == owner["run_id"]:
        return False
    ti: Any = context["ti"]
    states = ti.get_task_states(
        dag_id=other["dag_id"],
        task_ids=[other["task_id"]],
        map_index=other["map_index"],
        run_ids=[other["run_id"]],
    )
    return all(state in _ENDED for of_run in states.values() for state in of_run.values())


class WrittenParents:
    """Ids of the parents whose rows are written, kept from one try to the next from Airflow 3.3 on.

    They are stored as lists under numbered keys, each id once: storing all ids again after each batch would
    take bytes that grow with the square of their number. A list is stored when it has a tenth as many ids as
    this try has stored, and when the load fails, so that there are few lists, and the retry after a kill
    requests few parents again.

    :param fingerprint: identifies what is read and where it is written; ids of another one are ignored, and
        so are those of a load that began more than a day ago.
    """

    def __init__(self, context: Context, *, fingerprint: str) -> None:
        from airflow_provider_damstra.exports.checkpoint import is_expired

        self._state = TaskState(context)
        self._load = {"fingerprint": fingerprint, "started_at": datetime.now(tz=UTC).isoformat()}
        self.ids: set[int] = set()
        self._unstored: list[int] = []
        self._list_count = 0
        first = self._state.get(self._next_key, {})
        if first.get("fingerprint") == fingerprint and not is_expired(first):
            self._load["started_at"] = first["started_at"]
        # Lists of a load that was cleared in part, or of an older one, have another start.
        while self._load.items() <= (stored := self._state.get(self._next_key, {})).items():
            self.ids.update(stored["ids"])
            self._list_count += 1
        self._count_of_earlier_tries = len(self.ids)

    @property
    def _next_key(self) -> str:
        return f"{_WRITTEN_PARENTS_KEY}_{self._list_count}"

    def add(self, ids: list[int]) -> None:
        """Add ids."""
        self._unstored += ids
        if len(self._unstored) * 10 >= len(self.ids) - self._count_of_earlier_tries:
            self._store()

    @contextmanager
    def store_on_error(self) -> Iterator[None]:
        """Store the ids that were added when the block fails; its exception is raised in any case."""
        try:
            yield
        except BaseException:
            count = len(self._unstored)
            try:
                self._store()
            except Exception as error:
                log.warning(
                    "The ids of %d parents whose rows are written cannot be stored (%s): "
                    "a retry requests these parents again.",
                    count,
                    error,
                )
            raise

    def _store(self) -> None:
        if self._unstored:
            self._state.set(self._next_key, {**self._load, "ids": self._unstored})
            self._list_count += 1
            self.ids.update(self._unstored)
            self._unstored = []

    def clear(self) -> None:
        """Remove all ids: when the task is cleared, all rows are to be read again.

        The first list is deleted first: without it, the others are ignored.
        """
        count, self._list_count = self._list_count, 0
        for number in range(count):
            self._state.delete(f"{_WRITTEN_PARENTS_KEY}_{number}")
        self.ids.clear()
        self._unstored = []
        self._count_of_earlier_tries = 0
