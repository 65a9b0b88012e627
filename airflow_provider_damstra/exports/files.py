"""Rows as a file: JSON lines or CSV, as they are or compressed, with the file's size and SHA-256."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_damstra.actions.caller import PROGRESS_EVERY
from airflow_provider_damstra.exports.columns import columns_of, text_of_moment, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_damstra.exports.resources import Resource
    from airflow_provider_damstra.exports.rows import Rows

log = logging.getLogger(__name__)


class Written:
    """Writes through to another file, and knows what it wrote."""

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


def json_lines(resource: Resource, rows: Rows) -> bytes:
    """Return rows as lines, each as it came from the server."""
    return b"\n".join((*rows, b"")) if rows else b""


def csv_lines(resource: Resource, rows: Rows) -> bytes:
    """Return rows as lines of a CSV file."""
    return _csv([map(_cell, values_of(resource, row)) for row in rows])


def csv_header(resource: Resource) -> bytes:
    """Return the line of a CSV file that names its columns."""
    return _csv([[column.name for column in columns_of(resource)]])


def _cell(value: Any) -> str:
    """Return a value as a text: nothing for None, ``true``, ``2026-01-31T09:00:00.000Z``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return text_of_moment(value)
    return str(value)


def _csv(lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


@dataclass(frozen=True)
class FileFormat:
    """How rows become bytes."""

    lines: Callable[[Resource, Rows], bytes]
    header: Callable[[Resource], bytes] = field(default=lambda resource: b"")


FORMATS = {"jsonl": FileFormat(json_lines), "csv": FileFormat(csv_lines, csv_header)}
"""The formats of a file, by name."""


def write_rows(
    file: BinaryIO, resource: Resource, pages: Iterable[Rows], *, file_format: str, compression: str | None
) -> dict[str, Any]:
    """Write all rows and return the number of ``rows``, and the file's ``bytes`` and ``sha256``."""
    form, written, count = FORMATS[file_format], Written(file), 0
    with _compressed(written, compression) as plain:
        plain.write(form.header(resource))
        for rows in _with_progress(pages, what=resource.name):
            plain.write(form.lines(resource, rows))
            count += len(rows)
    return {"rows": count, "bytes": written.size, "sha256": written.sha256}


@contextmanager
def _compressed(written: Written, compression: str | None) -> Iterator[Any]:
    if compression is None:
        yield written
        return
    # Without name and time in it, the same rows are the same file.
    with gzip.GzipFile(filename="", mode="wb", fileobj=written, compresslevel=6, mtime=0) as packed:
        yield packed


def _with_progress(pages: Iterable[Rows], *, what: str) -> Iterator[Rows]:
    began = said = time.monotonic()
    count = 0
    for rows in pages:
        yield rows
        count += len(rows)
        now = time.monotonic()
        if now - said >= PROGRESS_EVERY:
            said = now
            log.info("%s: %d rows so far, %.0f a second", what, count, count / (now - began))
