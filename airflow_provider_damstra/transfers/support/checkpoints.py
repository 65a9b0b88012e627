"""Where an export keeps what came, from one attempt of its task to the next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.attempts import Attempts
from airflow_provider_damstra.storage import Attempt, tidying_up
from airflow_provider_damstra.storage_path import StoragePath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from airflow_provider_damstra.exports.checkpoint import Checkpoint

_KEY = "export_parts"


@contextmanager
def checkpoint_beside(target_path: str, context: Context, *, arguments: str) -> Iterator[Checkpoint]:
    """Yield what earlier attempts of this task have kept, or a new place; it goes when no more attempt comes.

    The place is a hidden folder beside the target. Where Airflow keeps such a thing (from 3.3) it is looked
    for where the first attempt had it, in case that the target has another name by now.

    :param arguments: a text that tells what is read from all else.
    """
    from airflow_provider_damstra.exports.checkpoint import Checkpoint

    attempts = Attempts(context)
    folder = _folder(target_path, Attempt.of(context), attempts.kept_text(_KEY))
    checkpoint = Checkpoint(folder, arguments=arguments, writes_through=folder.is_local)
    attempts.keep_text(_KEY, str(folder))
    try:
        yield checkpoint
    except BaseException:
        if not _comes_another(context):
            with tidying_up():
                checkpoint.remove()
        raise
    checkpoint.remove()


def _folder(target_path: str, attempt: Attempt, kept: str | None) -> StoragePath:
    target = StoragePath(target_path)
    if kept is not None:
        earlier = StoragePath(kept)
        if earlier.exists():
            return earlier
    return target.parent / f".{target.name}.{attempt.task}.parts"


def _comes_another(context: Context) -> bool:
    """Return whether Airflow runs the task again if it fails."""
    ti: Any = context["ti"]
    return bool(getattr(ti, "try_number", 1) <= getattr(ti, "max_tries", 0))
