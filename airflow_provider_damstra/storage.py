"""Files on any object storage, whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

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
