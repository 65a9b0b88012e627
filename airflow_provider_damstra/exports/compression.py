"""Compressed files: the same content is the same file each time, and files put end to end are one file."""

from __future__ import annotations

import gzip
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_damstra.exports.extras import refuse_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPRESSIONS = ("gzip", "zstd")
"""What files can be compressed with."""

_SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
_GZIP_LEVEL = 6


def refuse_missing_compression(compression: str | None) -> None:
    """Refuse a compression that this machine lacks.

    :raises ValueError: naming the command that installs it.
    """
    # From Python 3.14 on it is in the standard library.
    if compression == "zstd" and sys.version_info < (3, 14):
        refuse_missing("zstd", "backports.zstd", wanted="compression 'zstd'")


def compression_of(name: str) -> tuple[str, str | None]:
    """Return a file's name without the suffix of its compression, and the compression."""
    for suffix, compression in _SUFFIXES.items():
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], compression
    return name, None


@contextmanager
def compressed(file: Any, compression: str | None) -> Iterator[Any]:
    """Yield what writes into a file, compressed."""
    if compression is None:
        yield file
    elif compression == "gzip":
        # Without name and time in it, the same rows are the same file.
        with gzip.GzipFile(
            filename="", mode="wb", fileobj=file, compresslevel=_GZIP_LEVEL, mtime=0
        ) as packed:
            yield packed
    else:
        with _zstd().ZstdFile(file, mode="w") as packed:
            yield packed


def decompressed(file: BinaryIO, compression: str | None) -> BinaryIO:
    """Return what reads a file, decompressed."""
    if compression is None:
        return file
    if compression == "gzip":
        return cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))
    return cast("BinaryIO", _zstd().ZstdFile(file, mode="r"))


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
