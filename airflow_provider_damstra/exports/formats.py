"""File formats of exports: JSON lines, CSV or Parquet, compressed or not, with size and SHA-256."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_damstra.exports.schema import format_timestamp, resource_columns, row_values

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.resources import Resource

_COMPRESSION_SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
_GZIP_LEVEL = 6


def require_extra(extra: str, module: str, *, needed_for: str) -> None:
    """Check that an optional dependency is installed on this worker.

    This is checked when the task runs, not in the DAG file, which may be parsed on another machine.

    :param extra: the extra of this provider that installs the module.
    :param needed_for: the argument that needs it, such as ``"file_format 'parquet'"``.
    :raises ValueError: naming the command that installs it.
    """
    try:
        is_installed = find_spec(module) is not None
    except ModuleNotFoundError:
        is_installed = False
    if not is_installed:
        raise ValueError(
            f"{needed_for} needs {module}, which this worker does not have: "
            f"pip install 'airflow-provider-damstra[{extra}]'"
        )


def require_compression(compression: str | None) -> None:
    """Check that this worker has the compression.

    :raises ValueError: naming the command that installs it.
    """
    # From Python 3.14 on it is in the standard library.
    if compression == "zstd" and sys.version_info < (3, 14):
        require_extra("zstd", "backports.zstd", needed_for="compression 'zstd'")


def require_format(file_format: str, compression: str | None) -> None:
    """Check that this worker can write the format with the compression.

    :raises ValueError: naming the command that installs what is missing.
    """
    if file_format == "parquet":
        require_extra("parquet", "pyarrow", needed_for="file_format 'parquet'")
    else:
        require_compression(compression)


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


class HashingWriter:
    """Writable file that passes everything on to another one, counting and hashing it."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes) -> int:
        """Write, count and hash."""
        self._file.write(content)
        self._hash.update(content)
        self.size += len(content)
        return len(content)

    def flush(self) -> None:
        """Flush the other file; compression calls this on some versions of Python."""
        self._file.flush()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of what was written, in hexadecimal."""
        return self._hash.hexdigest()


def write_rows(
    file: BinaryIO, resource: Resource, pages: Iterable[Rows], *, file_format: str, compression: str | None
) -> dict[str, Any]:
    """Write all rows to a file.

    :param file_format: ``jsonl``, ``csv`` or ``parquet``.
    :param compression: ``gzip``, ``zstd`` or None.
    :return: the number of ``rows``, and the file's ``bytes`` and ``sha256``.
    """
    target = HashingWriter(file)
    with _open_writer(target, resource, file_format=file_format, compression=compression) as write:
        count = _write_pages(write, pages)
    return {"rows": count, "bytes": target.size, "sha256": target.sha256}


def write_json_lines(file: BinaryIO, pages: Iterable[Rows]) -> dict[str, Any]:
    """Write the rows of any listing as JSON lines and return the number of ``rows``, and the ``sha256``."""
    target = HashingWriter(file)
    count = _write_pages(partial(_write_lines, target), pages)
    return {"rows": count, "sha256": target.sha256}


def _write_pages(write: Callable[[Rows], object], pages: Iterable[Rows]) -> int:
    count = 0
    for rows in pages:
        write(rows)
        count += len(rows)
    return count


def _write_lines(file: Any, rows: Rows) -> None:
    """Write each row as one line, with the bytes that the server sent."""
    if rows:
        file.write(b"\n".join((*rows, b"")))


def _write_csv(file: Any, resource: Resource, rows: Rows) -> None:
    _write_csv_lines(file, (map(_csv_cell, row_values(resource, row)) for row in rows))


def _write_csv_lines(file: Any, lines: Iterable[Iterable[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    file.write(text.getvalue().encode())


def _csv_cell(value: Any) -> str:
    """Return a value as a string: empty for None, ``true``, ``2026-01-31T09:00:00.000Z``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return format_timestamp(value)
    return str(value)


@contextmanager
def _open_writer(
    file: HashingWriter, resource: Resource, *, file_format: str, compression: str | None
) -> Iterator[Callable[[Rows], object]]:
    """Yield a function that writes rows."""
    if file_format == "parquet":
        # pyarrow is an extra, and its import takes 0.1 s.
        from airflow_provider_damstra.exports.parquet import ParquetWriter

        with ParquetWriter(file, resource, compression=compression) as writer:
            yield writer.write
        return
    with compressed(file, compression) as target:
        if file_format == "csv":
            _write_csv_lines(target, [[column.name for column in resource_columns(resource)]])
            yield partial(_write_csv, target, resource)
        else:
            yield partial(_write_lines, target)
