"""Files on any object storage, whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from airflow_provider_damstra.storage_path import StoragePath, in_one_sentence, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

log = getLogger(__name__)

UNFINISHED = ".unfinished"
"""How the name of a file ends that is not whole."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Which attempt of which task writes. No two have the same name for what is unfinished.

    :param task: a text that is the task instance's alone.
    :param number: the attempt's number, from 1.
    """

    task: str = ""
    number: int = 1

    @classmethod
    def of(cls, context: Context) -> Self:
        """Return the attempt that a context is of."""
        ti: Any = context["ti"]
        names = ("dag_id", "task_id", "run_id", "map_index")
        task = "/".join(str(getattr(ti, name, "")) for name in names)
        number = getattr(ti, "try_number", None)
        return cls(task=sha256(task.encode()).hexdigest()[:12], number=number or 1)

    def unfinished(self, target: StoragePath) -> StoragePath:
        """Return where this attempt writes what is to be at the target."""
        return target.parent / f".{target.name}.{self.task}-{self.number}{UNFINISHED}"

    def remove_what_earlier_ones_left(self, target: StoragePath) -> None:
        """Remove what attempts that were killed have left beside the target."""
        for number in range(1, self.number):
            left = Attempt(task=self.task, number=number).unfinished(target)
            left.remove()
            with tidying_up():
                left.end_uploads()


def write_whole(path: str, content: bytes, *, attempt: Attempt, private: bool = False) -> None:
    """Write a file; arguments are those of ``opened_whole``."""
    with opened_whole(path, attempt=attempt, private=private) as file:
        file.write(content)


@contextmanager
def opened_whole(path: str, *, attempt: Attempt, private: bool = False) -> Iterator[BinaryIO]:
    """Write a file under another name and move it into place, so that a reader never sees half of it.

    :param path: path or URL, such as ``s3://aws_default@bucket/certificates/1.pdf``.
    :param attempt: who writes it.
    :param private: on this machine, let nobody but the owner read it.
    """
    target = StoragePath(path)
    unfinished = attempt.unfinished(target)
    with in_one_sentence(f"{path} cannot be written", was_possible=True):
        target.parent.make_folder()
        attempt.remove_what_earlier_ones_left(target)
        if private and target.is_local:
            os.close(os.open(unfinished.path, os.O_CREAT | os.O_WRONLY, 0o600))
        file = unfinished.open("wb")
    try:
        yield file
        with in_one_sentence(f"{path} cannot be written", was_possible=True):
            file.close()
            unfinished.move_to(target)
    except BaseException:
        with tidying_up():
            file.close()
        with tidying_up():
            unfinished.remove()
        raise


@contextmanager
def tidying_up() -> Iterator[None]:
    """Say in the log what is left behind, and nothing more: why the task failed is more to the point."""
    try:
        yield
    except Exception as error:
        log.warning("Something unfinished may be left behind: %s", reason_of(error))


@contextmanager
def opened_to_read(name: str, path: Any) -> Iterator[BinaryIO]:
    """Open a file to read it.

    :param name: what the argument with its path is called.
    :raises ValueError: naming the argument, if there is no such file.
    """
    if not isinstance(path, str) or not path.strip():
        raise ValueError(f"{name} is {path!r}; it is the path or URL of a file")
    with in_one_sentence(f"{name} {path!r} cannot be opened"):
        file = StoragePath(path).open("rb")
    with file:
        yield file


def refuse_what_is_no_file(name: str, path: Any, *, attempt: Attempt) -> None:
    """Refuse a path at which no file can be written. On object storage this is tried, with an empty file.

    :param name: what the argument is called.
    :param attempt: who is to write it.
    :raises ValueError: naming the argument and what is wrong with it.
    :raises OSError: if that cannot be told, for the storage is out of reach.
    """
    if not isinstance(path, str) or not path.strip() or path.endswith("/"):
        raise ValueError(f"{name} is {path!r}; it is the path or URL of a file")
    with in_one_sentence(f"{name} {path!r} cannot be written"):
        target = StoragePath(path)
        in_the_way = _what_is_in_the_way(target)
        if in_the_way is None and not target.is_local:
            target.parent.make_folder()
            attempt.unfinished(target).write_bytes(b"")
            attempt.unfinished(target).remove()
    if in_the_way:
        raise ValueError(f"{name} is {path!r}, but {in_the_way}")


def _what_is_in_the_way(target: StoragePath) -> str | None:
    """Return why there can be no file, as far as that shows without writing."""
    if target.is_pattern:
        return "the storage takes * ? [ for a pattern; use other signs"
    if target.is_folder():
        return "it is a folder"
    if target.is_local:
        existing = next(one for one in Path(target.path).absolute().parents if one.exists())
        if not existing.is_dir():
            return f"{existing} is no folder"
        if not os.access(existing, os.W_OK | os.X_OK):
            return f"this process may not write into {existing}"
    return None
