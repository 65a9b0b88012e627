"""Files on any object storage, whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow.sdk import ObjectStoragePath

if TYPE_CHECKING:
    from collections.abc import Iterator


def write_whole(path: str, content: bytes, *, private: bool = False) -> None:
    """Write a file; arguments are those of ``opened_whole``."""
    with opened_whole(path, private=private) as file:
        file.write(content)


@contextmanager
def opened_whole(path: str, *, private: bool = False) -> Iterator[BinaryIO]:
    """Write a file under another name and move it into place, so that a reader never sees half of it.

    :param path: path or URL, such as ``s3://aws_default@bucket/certificates/1.pdf``.
    :param private: on this machine, let nobody but the owner read it.
    """
    target = ObjectStoragePath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.parent / f".{target.name}.unfinished"
    try:
        if private and target.protocol in ("file", ""):
            os.close(os.open(unfinished.path, os.O_CREAT | os.O_WRONLY, 0o600))
        with unfinished.open("wb") as file:  # type: ignore[no-untyped-call]
            yield file
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


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
    except (ValueError, ImportError) as error:
        raise ValueError(f"{name} {path!r} cannot be opened: {error}") from error
    if existing is not None and not existing.is_dir():
        in_the_way = f"{existing} is no folder"
    if in_the_way:
        raise ValueError(f"{name} is {path!r}, but {in_the_way}")
