"""Read ids from a file: a column of CSV or Parquet, a field of JSON lines, or plain text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_damstra.exports.formats import (
    decompressed,
    require_compression,
    require_extra,
    split_compression_suffix,
)

if TYPE_CHECKING:
    Values = Iterator[tuple[int, Any]]

_MAX_SHOWN = 10


def require_id_format(name: str) -> None:
    """Check that this worker can read a file of this name.

    :raises ValueError: naming the command that installs what is missing.
    """
    plain, compression = split_compression_suffix(name)
    require_compression(compression)
    if plain.lower().endswith(".parquet"):
        require_extra("parquet", "pyarrow", needed_for=f"reading ids from {name}")


def read_ids(file: BinaryIO, *, name: str, columns: Iterable[str]) -> tuple[int, ...]:
    """Return the ids in a file, each once, in the order of the file.

    :param file: an open binary file.
    :param name: its name. The suffix is its format: ``.csv``, ``.jsonl`` (``.ndjson``), ``.parquet`` or any
        other for plain text with ids, followed by ``.gz`` or ``.zst`` if it is compressed.
    :param columns: names of the column; the first that exists is read.
    :raises ValueError: naming the lines without an id, or if there is no such column, or no id at all.
    """
    plain, compression = split_compression_suffix(name)
    read = _READERS.get(PurePath(plain.lower()).suffix, _read_text)
    values = read(decompressed(file, compression), tuple(columns))
    ids: dict[int, None] = {}
    problems: list[str] = []
    for line_number, value in values:
        text = str(value).strip()
        if isinstance(value, bool) or not text.isascii() or not text.isdigit():
            problems.append(f"{value!r} in line {line_number}")
        else:
            ids[int(text)] = None
    if problems:
        more = f" and {len(problems) - _MAX_SHOWN} more" if len(problems) > _MAX_SHOWN else ""
        raise ValueError(f"{name}: no id is {', '.join(problems[:_MAX_SHOWN])}{more}")
    if not ids:
        raise ValueError(f"{name} holds no ids")
    return tuple(ids)


def _read_csv(file: BinaryIO, columns: tuple[str, ...]) -> Values:
    reader = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
    column = _find_column(reader.fieldnames or (), columns)
    yield from ((reader.line_num, row[column]) for row in reader)


def _read_json_lines(file: BinaryIO, columns: tuple[str, ...]) -> Values:
    for line_number, line in enumerate(_lines(file), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise ValueError(f"line {line_number} of the file of ids is not a JSON object")
            yield line_number, row[_find_column(row, columns)]


def _read_parquet(file: BinaryIO, columns: tuple[str, ...]) -> Values:
    from pyarrow import parquet

    # Parquet is read from its end, but a file on object storage may not support seeking.
    table = parquet.ParquetFile(io.BytesIO(file.read()))
    column = _find_column(table.schema_arrow.names, columns)
    values = (
        value for batch in table.iter_batches(columns=[column]) for value in batch.column(0).to_pylist()
    )
    yield from enumerate(values, start=1)


def _read_text(file: BinaryIO, columns: tuple[str, ...]) -> Values:
    for line_number, line in enumerate(_lines(file), start=1):
        yield from ((line_number, value) for value in line.decode("utf-8-sig").replace(",", " ").split())


_READERS: dict[str, Callable[[BinaryIO, tuple[str, ...]], Values]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def _lines(file: BinaryIO) -> Iterable[bytes]:
    """Return the lines of a file; files of Airflow 3.0 paths are not iterable."""
    return iter(file.readline, b"")


def _find_column(found: Iterable[str], wanted: tuple[str, ...]) -> str:
    names = list(found)
    for name in wanted:
        if name in names:
            return name
    raise ValueError(
        f"there is no column {' or '.join(wanted)} in the file of ids; it has {', '.join(names)}"
    )
