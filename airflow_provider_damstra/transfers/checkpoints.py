"""Where an export keeps what came, from one attempt of its task to the next."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.storage import TEMPORARY_SUFFIX, StoragePath, TaskTry, log_cleanup_errors
from airflow_provider_damstra.task_state import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import Context

    from airflow_provider_damstra.exports.checkpoint import Checkpoint

_KEY = "export_parts"
_ENDING = ".parts"
_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")

log = logging.getLogger(__name__)


@contextmanager
def checkpoint_beside(target_path: str, context: Context, *, arguments: str) -> Iterator[Checkpoint]:
    """Yield what earlier attempts of this task have kept, or a new place; it goes when no more attempt comes.

    The place is a hidden folder beside the target. Where Airflow keeps such a thing (from 3.3) it is looked
    for where the first attempt had it, in case that the target has another name by now. What killed attempts
    of earlier DAG runs have left beside the target is removed.

    :param arguments: a text that tells what is read from all else.
    """
    from airflow_provider_damstra.exports.checkpoint import Checkpoint

    state = TaskState(context)
    owner = _owner(context)
    folder = _folder(target_path, TaskTry.of(context), state.get(_KEY))
    with log_cleanup_errors():
        _sweep(folder.parent, context, owner)
    checkpoint = Checkpoint(folder, arguments=arguments, writes_through=folder.is_local, owner=owner)
    state.set(_KEY, str(folder))
    try:
        yield checkpoint
    except BaseException:
        if not _comes_another(context):
            with log_cleanup_errors():
                checkpoint.remove()
        raise
    checkpoint.remove()


def _folder(target_path: str, task_try: TaskTry, kept: str | None) -> StoragePath:
    target = StoragePath(target_path)
    if kept is not None:
        earlier = StoragePath(kept)
        if earlier.exists():
            return earlier
    return target.parent / f".{target.name}.{task_try.task}{_ENDING}"


def _comes_another(context: Context) -> bool:
    """Return whether Airflow runs the task again if it fails."""
    ti: Any = context["ti"]
    return bool(getattr(ti, "try_number", 1) <= getattr(ti, "max_tries", 0))


def _owner(context: Context) -> dict[str, Any]:
    """Return which task instance a context is of."""
    ti: Any = context["ti"]
    return {name: getattr(ti, name, None) for name in ("dag_id", "task_id", "map_index", "run_id")}


def _sweep(place: StoragePath, context: Context, owner: Mapping[str, Any]) -> None:
    """Remove what killed attempts of this task's other DAG runs have left, and nobody will go on with."""
    from airflow_provider_damstra.exports.checkpoint import is_left_behind

    def is_over(other: Mapping[str, Any]) -> bool:
        is_same_task = all(other.get(name) == owner[name] for name in ("dag_id", "task_id"))
        return is_same_task and other["run_id"] != owner["run_id"] and _is_over(context, other)

    names = place.list_names()
    for name in (one for one in names if one.startswith(".") and one.endswith(_ENDING)):
        if is_left_behind(place / name, is_over=is_over):
            log.info("%s is removed: a killed attempt of another DAG run has left it.", place / name)
            for unfinished in (one for one in names if _is_unfinished(one, of=name)):
                (place / unfinished).unlink()
            (place / name).rmtree()


def _is_unfinished(name: str, *, of: str) -> bool:
    """Return whether a file is what an attempt wrote that kept its parts in a folder of a name."""
    return name.startswith(of.removesuffix(_ENDING) + "-") and name.endswith(TEMPORARY_SUFFIX)


def _is_over(context: Context, owner: Mapping[str, Any]) -> bool:
    """Return whether Airflow says that a task instance has come to its end, or knows none such."""
    ti: Any = context["ti"]
    states = ti.get_task_states(
        dag_id=owner["dag_id"],
        task_ids=[owner["task_id"]],
        map_index=owner["map_index"],
        run_ids=[owner["run_id"]],
    )
    return all(state in _ENDED for of_run in states.values() for state in of_run.values())
