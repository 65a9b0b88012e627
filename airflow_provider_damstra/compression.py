"""Compressed files: gzip and zstd, named by their suffix."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from airflow_provider_damstra.extras import require_extra

_COMPRESSION_SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
_GZIP_LEVEL = 6
_BLOCK_BYTES = 1 << 20
MAX_CONTENT_BYTES = 1 << 30
"""Size at most of a file that is read into memory: a compressed one of 1 MB can become a gigabyte."""


def require_compression(compression: str | None) -> None:
    """Check that this worker has the compression.

    :raises ValueError: naming the command that installs it.
    """
    # From Python 3.14 on it is in the standard library.
    if compression == "zstd" and sys.version_info < (3, 14):
        require_extra("zstd", "backports.zstd", needed_for="compression 'zstd'")


def split_compression_suffix(name: str) -> tuple[str, str | None]:
    """Return a file's name without the suffix of its compression, and the compression."""
    for suffix, compression in _COMPRESSION_SUFFIXES.items():
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], compression
    return name, None


@contextmanager
def compressed(file: Any, compression: str | None) -> Iterator[Any]:
    """Yield a writable file that compresses into another one."""
    if compression is None:
        yield file
    elif compression == "gzip":
        # Without name and time in the header, equal rows give equal files.
        with gzip.GzipFile(
            filename="", mode="wb", fileobj=file, compresslevel=_GZIP_LEVEL, mtime=0
        ) as packed:
            yield packed
    else:
        with _zstd().ZstdFile(file, mode="w") as packed:
            yield packed


def decompressed(file: BinaryIO, compression: str | None) -> BinaryIO:
    """Return a readable file that decompresses another one."""
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


def read_decompressed(file: BinaryIO, compression: str | None) -> bytes:
    """Return the whole content of a file, decompressed.

    :raises ValueError: if it is not a complete compressed file, or larger than ``MAX_CONTENT_BYTES``.
    """
    content = io.BytesIO()
    try:
        reader = decompressed(file, compression)
        # In blocks: a buffered reader allocates all that it is asked for, before it reads.
        while content.tell() <= MAX_CONTENT_BYTES and (block := reader.read(_BLOCK_BYTES)):
            content.write(block)
    except _decompression_errors(compression) as error:
        problem = "incomplete" if isinstance(error, EOFError) else "damaged, or not compressed"
        raise ValueError(f"it is no readable {compression} file: it is {problem}") from None
    require_size_within_limit(content.tell())
    return content.getvalue()


def require_size_within_limit(size: int) -> None:
    """Check the size of a decompressed file, in bytes.

    :raises ValueError: if it is larger than ``MAX_CONTENT_BYTES``.
    """
    if size > MAX_CONTENT_BYTES:
        raise ValueError(f"it is larger than {MAX_CONTENT_BYTES >> 20} MiB, after decompression")


def _decompression_errors(compression: str | None) -> tuple[type[Exception], ...]:
    if compression is None:
        return ()
    own = (_zstd().ZstdError,) if compression == "zstd" else (gzip.BadGzipFile, zlib.error)
    return (EOFError, *own)
