"""Ids from a file: a column of CSV or Parquet, a member of JSON lines, or a text with nothing but ids."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_damstra.exports.compression import (
    compression_of,
    decompressed,
    refuse_missing_compression,
)
from airflow_provider_damstra.exports.extras import refuse_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Values = Iterator[tuple[int, Any]]

_SHOWN = 10


def refuse_unreadable_ids(name: str) -> None:
    """Refuse a file for which this machine lacks what reads it.

    :raises ValueError: naming the command that installs it.
    """
    plain, compression = compression_of(name)
    refuse_missing_compression(compression)
    if plain.lower().endswith(".parquet"):
        refuse_missing("parquet", "pyarrow", wanted=f"reading ids from {name}")


def read_ids(file: BinaryIO, *, name: str, columns: Iterable[str]) -> tuple[int, ...]:
    """Return the ids in a file, each once, in the order of the file.

    :param file: an open binary file, of rows whose ids are wanted.
    :param name: what it is called; its ending says what it is: ``.csv``, ``.jsonl`` (``.ndjson``),
        ``.parquet`` or any other for a text with ids; ``.gz`` or ``.zst`` after it, that it is compressed.
    :param columns: names of the column; the first that is there counts.
    :raises ValueError: naming the lines that hold no id, or that there is no such column, or no id at all.
    """
    plain, compression = compression_of(name)
    values = _reader_of(plain)(decompressed(file, compression), tuple(columns))
    ids: dict[int, None] = {}
    problems: list[str] = []
    for place, value in values:
        text = str(value).strip()
        if isinstance(value, bool) or not text.isascii() or not text.isdigit():
            problems.append(f"{value!r} in line {place}")
        else:
            ids[int(text)] = None
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ValueError(f"{name}: no id is {', '.join(problems[:_SHOWN])}{more}")
    if not ids:
        raise ValueError(f"{name} holds no ids")
    return tuple(ids)


def _reader_of(name: str) -> Callable[[BinaryIO, tuple[str, ...]], Values]:
    for endings, reader in (
        ((".csv",), _csv),
        ((".jsonl", ".ndjson"), _json_lines),
        ((".parquet",), _parquet),
    ):
        if name.lower().endswith(endings):
            return reader
    return _text


def _csv(file: BinaryIO, columns: tuple[str, ...]) -> Values:
    reader = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
    column = _column(reader.fieldnames or (), columns)
    yield from ((reader.line_num, row[column]) for row in reader)


def _json_lines(file: BinaryIO, columns: tuple[str, ...]) -> Values:
    for place, line in enumerate(_lines(file), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise ValueError(f"line {place} of the file of ids is no JSON object")
            yield place, row[_column(row, columns)]


def _parquet(file: BinaryIO, columns: tuple[str, ...]) -> Values:
    from pyarrow import parquet

    # It has to be read from its end, which a file of object storage may not be able to.
    table = parquet.ParquetFile(io.BytesIO(file.read()))
    column = _column(table.schema_arrow.names, columns)
    place = 0
    for batch in table.iter_batches(columns=[column]):
        for value in batch.column(0).to_pylist():
            place += 1
            yield place, value


def _text(file: BinaryIO, columns: tuple[str, ...]) -> Values:
    for place, line in enumerate(_lines(file), start=1):
        yield from ((place, one) for one in line.decode("utf-8-sig").replace(",", " ").split())


def _lines(file: BinaryIO) -> Iterable[bytes]:
    """Return the lines of a file. Those of an Airflow 3.0 path are not iterable themselves."""
    return iter(file.readline, b"")


def _column(found: Iterable[str], wanted: tuple[str, ...]) -> str:
    names = list(found)
    for name in wanted:
        if name in names:
            return name
    raise ValueError(
        f"there is no column {' or '.join(wanted)} in the file of ids; it has {', '.join(names)}"
    )
