"""Rows as a file: JSON lines, CSV or Parquet, as they are or compressed, with the file's size and SHA-256."""

from __future__ import annotations

import csv
import hashlib
import io
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from airflow_provider_damstra.exports.behind import WritesBehind
from airflow_provider_damstra.exports.compression import compressed, refuse_missing_compression
from airflow_provider_damstra.exports.extras import refuse_missing
from airflow_provider_damstra.exports.schema import columns_of, text_of_moment, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.exports.resources import Resource


class Written:
    """Writes through to another file, and knows what it wrote."""

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
        """Hand on what is buffered; compression calls it on some Pythons."""
        self._file.flush()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of what was written."""
        return self._hash.hexdigest()


class RowWriter(Protocol):
    """Writes rows of one resource into a file."""

    def write(self, rows: Rows) -> object:
        """Write rows."""


def refuse_missing_format(file_format: str, compression: str | None) -> None:
    """Refuse a format or a compression that this machine lacks.

    :raises ValueError: naming the command that installs it.
    """
    if file_format == "parquet":
        refuse_missing("parquet", "pyarrow", wanted="file_format 'parquet'")
    else:
        refuse_missing_compression(compression)


def write_rows(
    file: BinaryIO, resource: Resource, pages: Iterable[Rows], *, file_format: str, compression: str | None
) -> dict[str, Any]:
    """Write all rows and return the number of ``rows``, and the file's ``bytes`` and ``sha256``."""
    written = Written(file)
    with FORMATS[file_format](written, resource, compression) as writer:
        count = _write_all(writer, pages)
    return {"rows": count, "bytes": written.size, "sha256": written.sha256}


def write_json_lines(file: BinaryIO, pages: Iterable[Rows]) -> dict[str, Any]:
    """Write the rows of any listing as JSON lines and return their number as ``rows``, and the ``sha256``."""
    written = Written(file)
    with WritesBehind(written) as behind:
        count = _write_all(_JsonLines(behind), pages)
    return {"rows": count, "sha256": written.sha256}


def _write_all(writer: RowWriter, pages: Iterable[Rows]) -> int:
    count = 0
    for rows in pages:
        writer.write(rows)
        count += len(rows)
    return count


class _JsonLines:
    """Writes rows as lines, each as it came from the server."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, rows: Rows) -> None:
        if rows:
            self._file.write(b"\n".join((*rows, b"")))


class _CsvLines:
    """Writes a line with the names of the columns, then one for each row."""

    def __init__(self, file: Any, resource: Resource) -> None:
        self._file = file
        self._resource = resource
        self._write([[column.name for column in columns_of(resource)]])

    def write(self, rows: Rows) -> None:
        self._write(map(_cell, values_of(self._resource, row)) for row in rows)

    def _write(self, lines: Iterable[Iterable[str]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        self._file.write(text.getvalue().encode())


def _cell(value: Any) -> str:
    """Return a value as a text: nothing for None, ``true``, ``2026-01-31T09:00:00.000Z``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return text_of_moment(value)
    return str(value)


@contextmanager
def _json_lines(file: Written, resource: Resource, compression: str | None) -> Iterator[RowWriter]:
    with compressed(file, compression) as packed, WritesBehind(packed) as behind:
        yield _JsonLines(behind)


@contextmanager
def _csv(file: Written, resource: Resource, compression: str | None) -> Iterator[RowWriter]:
    with compressed(file, compression) as packed, WritesBehind(packed) as behind:
        yield _CsvLines(behind, resource)


@contextmanager
def _parquet(file: Written, resource: Resource, compression: str | None) -> Iterator[RowWriter]:
    # Imported here, for it takes 0.1 s and is an extra.
    from airflow_provider_damstra.exports.parquet import ParquetWriter

    with ParquetWriter(file, resource, compression=compression) as writer:
        yield writer


FORMATS: dict[str, Callable[[Written, Resource, str | None], Any]] = {
    "jsonl": _json_lines,
    "csv": _csv,
    "parquet": _parquet,
}
"""What opens a file of each format, by the format's name."""
