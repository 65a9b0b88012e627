"""Files on any object storage, whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from airflow.sdk import ObjectStoragePath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

LOCAL_PROTOCOLS = ("", "file", "local")
"""What a path on this machine's own file system says it is."""


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

    def unfinished(self, target: ObjectStoragePath) -> ObjectStoragePath:
        """Return where this attempt writes what is to be at the target."""
        return target.parent / f".{target.name}.{self.task}-{self.number}.unfinished"

    def remove_what_earlier_ones_left(self, target: ObjectStoragePath) -> None:
        """Remove what attempts that were killed have left beside the target."""
        for number in range(1, self.number):
            Attempt(task=self.task, number=number).unfinished(target).unlink(missing_ok=True)


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
    target = ObjectStoragePath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    attempt.remove_what_earlier_ones_left(target)
    unfinished = attempt.unfinished(target)
    try:
        if private and target.protocol in LOCAL_PROTOCOLS:
            os.close(os.open(unfinished.path, os.O_CREAT | os.O_WRONLY, 0o600))
        with unfinished.open("wb") as file:  # type: ignore[no-untyped-call]
            yield file
        _move(unfinished, target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _move(unfinished: ObjectStoragePath, target: ObjectStoragePath) -> None:
    if target.protocol in LOCAL_PROTOCOLS:
        # As Airflow before 3.2 moves it, it would end up in a folder that has the target's name.
        os.replace(unfinished.path, target.path)
    else:
        unfinished.replace(target)


@contextmanager
def opened_to_read(name: str, path: Any) -> Iterator[BinaryIO]:
    """Open a file to read it.

    :param name: what the argument with its path is called.
    :raises ValueError: naming the argument, if there is no such file.
    """
    if not isinstance(path, str) or not path.strip():
        raise ValueError(f"{name} is {path!r}; it is the path or URL of a file")
    try:
        file = ObjectStoragePath(path).open("rb")  # type: ignore[no-untyped-call]
    except (ValueError, ImportError, FileNotFoundError, IsADirectoryError) as error:
        raise ValueError(f"{name} {path!r} cannot be opened: {error}") from error
    with file:
        yield file


def refuse_what_is_no_file(name: str, path: Any) -> None:
    """Refuse a path at which no file can be written, as far as that shows without writing.

    :param name: what the argument is called.
    :raises ValueError: naming the argument and what is wrong with it.
    """
    if not isinstance(path, str) or not path.strip() or path.endswith("/"):
        raise ValueError(f"{name} is {path!r}; it is the path or URL of a file")
    try:
        target = ObjectStoragePath(path)
        existing = next((one for one in target.parents if one.exists()), None)
        in_the_way = "it is a folder" if target.is_dir() else None
    except (ValueError, ImportError, OSError) as error:
        raise ValueError(f"{name} {path!r} cannot be opened: {error}") from error
    if existing is not None and not existing.is_dir():
        in_the_way = f"{existing} is no folder"
    elif existing is not None and _refuses_files(existing):
        in_the_way = f"this process may not write into {existing}"
    if in_the_way:
        raise ValueError(f"{name} is {path!r}, but {in_the_way}")


def _refuses_files(folder: ObjectStoragePath) -> bool:
    return folder.protocol in LOCAL_PROTOCOLS and not os.access(folder.path, os.W_OK | os.X_OK)
