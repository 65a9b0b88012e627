"""The CSV file of completions."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_damstra.exports.csv_files import escape_formulas, format_csv
from airflow_provider_damstra.exports.formats import HashingWriter

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.completions.completion import Completion


def row_function(
    columns: Mapping[str, str], *, time_zone: tzinfo | None, safe_for_spreadsheets: bool
) -> Callable[[Completion], list[str]]:
    """Return a function that returns the cells of a completion.

    :param columns: the field of ``Completion.values`` in each column.
    :param time_zone: decides the day of completion; None for each person's own.
    :param safe_for_spreadsheets: whether formulas in texts are escaped.
    """
    to_text: Callable[[str], str] = escape_formulas if safe_for_spreadsheets else str

    def cell(value: Any) -> str:
        if value is None:
            return ""
        return to_text(value) if isinstance(value, str) else str(value)

    def row(completion: Completion) -> list[str]:
        values = completion.values(time_zone=time_zone)
        return [cell(values[field]) for field in columns.values()]

    return row


def write_csv(
    file: BinaryIO, header: Iterable[str], rows: Iterable[list[str]], *, safe_for_spreadsheets: bool
) -> str:
    """Write a header and rows to a file, row by row, and return the SHA-256 of its content.

    :param safe_for_spreadsheets: whether it begins with a byte order mark, without which Excel does not read
        UTF-8.
    """
    target = HashingWriter(file)
    target.write(codecs.BOM_UTF8 if safe_for_spreadsheets else b"")
    target.write(format_csv([header]).encode())
    for row in rows:
        target.write(format_csv([row]).encode(errors="replace"))
    return target.sha256
