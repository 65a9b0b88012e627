"""File formats of exports: JSON lines, CSV or Parquet, compressed or not, with size and SHA-256."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_damstra.compression import compressed, require_compression
from airflow_provider_damstra.exports.csv_files import escape_formulas, format_csv
from airflow_provider_damstra.exports.schema import format_timestamp, resource_columns, row_values
from airflow_provider_damstra.extras import require_extra

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.dataset import Dataset
    from airflow_provider_damstra.exports.reader import Rows


def require_format(file_format: str, compression: str | None) -> None:
    """Check that this worker can write the format with the compression.

    :raises ValueError: naming the command that installs what is missing.
    """
    if file_format == "parquet":
        require_extra("parquet", "pyarrow", needed_for="file_format 'parquet'")
    else:
        require_compression(compression)


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
    file: BinaryIO,
    resource: Dataset,
    pages: Iterable[Rows],
    *,
    file_format: str,
    compression: str | None,
    safe_for_spreadsheets: bool = False,
) -> dict[str, Any]:
    """Write all rows to a file.

    :param file_format: ``jsonl``, ``csv`` or ``parquet``.
    :param compression: ``gzip``, ``zstd`` or None.
    :param safe_for_spreadsheets: whether CSV begins with a byte order mark, without which Excel does not read
        UTF-8, and formulas in its texts are escaped.
    :raises DamstraResponseError: if CSV or Parquet cannot hold a row.
    :return: the number of ``rows``, and the file's ``bytes`` and ``sha256``.
    """
    target = HashingWriter(file)
    with _open_writer(
        target,
        resource,
        file_format=file_format,
        compression=compression,
        safe_for_spreadsheets=safe_for_spreadsheets,
    ) as write:
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


def _write_csv(file: Any, resource: Dataset, to_cell: Callable[[Any], str], rows: Rows) -> None:
    lines = (map(to_cell, row_values(resource, row)) for row in rows)
    file.write(format_csv(lines).encode())


def _csv_cell(value: Any) -> str:
    """Return a value as a string: empty for None, ``true``, ``2026-01-31T09:00:00.000Z``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return format_timestamp(value)
    return str(value)


def _safe_csv_cell(value: Any) -> str:
    """Return a value as a string; numbers, which cannot be formulas, stay as they are."""
    return escape_formulas(value) if isinstance(value, str) else _csv_cell(value)


@contextmanager
def _open_writer(
    file: HashingWriter,
    resource: Dataset,
    *,
    file_format: str,
    compression: str | None,
    safe_for_spreadsheets: bool,
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
            header = [column.name for column in resource_columns(resource)]
            target.write(codecs.BOM_UTF8 if safe_for_spreadsheets else b"")
            target.write(format_csv([header]).encode())
            to_cell = _safe_csv_cell if safe_for_spreadsheets else _csv_cell
            yield partial(_write_csv, target, resource, to_cell)
        else:
            yield partial(_write_lines, target)
