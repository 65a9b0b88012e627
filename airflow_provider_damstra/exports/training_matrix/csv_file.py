"""A training matrix as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from airflow_provider_damstra.exports.training_matrix.table import columns_of, rows_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(matrix: TrainingMatrix, *, time_zone: tzinfo) -> bytes:
    """Return a matrix as CSV in UTF-8 with a byte order mark: a line for each person.

    The columns are ``user_id``, ``employee_number``, ``name``, ``active``, ``groups``, and for each lesson
    ``<name> [<id>] status``, ``... due`` and ``... completed``. A text that a spreadsheet would take for a
    formula, one that starts with ``= + - @``, a tab or a carriage return, gets a leading apostrophe.

    :param time_zone: where the days are counted.
    """
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(map(safe_in_a_spreadsheet, columns_of(matrix)))
    for row in rows_of(matrix, time_zone=time_zone):
        writer.writerow(map(safe_in_a_spreadsheet, row))
    return lines.getvalue().encode("utf-8-sig")


def safe_in_a_spreadsheet(value: object) -> str:
    """Return a value as a text that no spreadsheet takes for a formula."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
