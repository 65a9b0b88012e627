"""Read ids from a file: a column of CSV, Parquet or Excel, a field of JSON lines, or plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_damstra.input_files.columns import missing_column_message, plain_number
from airflow_provider_damstra.input_files.table import (
    input_file_errors,
    open_table,
    read_content,
    table_format,
)
from airflow_provider_damstra.input_files.text import open_text
from airflow_provider_damstra.text import join_first

if TYPE_CHECKING:
    from airflow_provider_damstra.input_files.table import Table

    LocatedValues = Iterator[tuple[str, Any]]

_MAX_SHOWN = 10
_ID = re.compile(r"0*[1-9][0-9]{0,17}")


def read_ids(
    file: BinaryIO,
    *,
    name: str,
    columns: Sequence[str],
    encoding: str | None = None,
    delimiter: str | None = None,
) -> tuple[int, ...]:
    """Return the ids in a file, each once, in the order of the file.

    :param file: an open binary file.
    :param name: its name, which shows its format (``input_files.table.open_table``); any other is plain text
        with ids.
    :param columns: names of the column; the first that exists is read.
    :param encoding: encoding of text; by default UTF-8, or the one of a byte order mark.
    :param delimiter: separator of CSV cells; by default detected in the header.
    :raises ValueError: naming the file, and the lines without an id, or that there is no such column, or no
        id at all.
    """
    with input_file_errors(name):
        if table_format(name) is None:
            values = _text_values(read_content(file, name=name), encoding)
        else:
            values = _table_values(
                open_table(file, name=name, encoding=encoding, delimiter=delimiter), columns
            )
        return _parse_ids(values)


def _parse_ids(values: Iterable[tuple[str, Any]]) -> tuple[int, ...]:
    ids: dict[int, None] = {}
    problems: dict[str, None] = {}
    for location, value in values:
        text = str(plain_number(value)).strip()
        if isinstance(value, bool) or not _ID.fullmatch(text):
            problems[location] = None
        else:
            ids[int(text)] = None
    if problems:
        raise ValueError(f"no id in {join_first(list(problems), _MAX_SHOWN)}")
    if not ids:
        raise ValueError("it holds no ids")
    return tuple(ids)


def _table_values(table: Table, columns: Sequence[str]) -> LocatedValues:
    only = None
    if table.columns:
        only = [_find_column(table.columns, columns, location=table.header_location)]
    for location, row in table.rows(only):
        if isinstance(row, ValueError):
            raise ValueError(f"{location}: {row}")
        column = only[0] if only else _find_column(list(row), columns, location=location)
        yield location, row.get(column)


def _text_values(content: bytes, encoding: str | None) -> LocatedValues:
    for number, line in enumerate(open_text(content, encoding=encoding), start=1):
        yield from ((f"line {number}", value) for value in line.replace(",", " ").split())


def _find_column(found: Sequence[str], wanted: Sequence[str], *, location: str) -> str:
    for name in wanted:
        if name in found:
            return name
    raise ValueError(f"{location}: {missing_column_message(wanted, found)}")
