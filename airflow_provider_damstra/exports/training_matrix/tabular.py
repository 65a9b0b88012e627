"""Training matrix as CSV and as Parquet: the same columns, one row for each user."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.training_matrix.matrix import local_date

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix

USER_COLUMNS = ("user_id", "employee_number", "name", "active", "groups")

LESSON_COLUMNS = ("status", "due", "completed")
"""Columns of each lesson; their names follow the lesson's name and id."""

_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


def to_csv(matrix: TrainingMatrix, *, time_zone: tzinfo) -> bytes:
    """Return the matrix as CSV in UTF-8 with a byte order mark.

    The columns are ``user_id``, ``employee_number``, ``name``, ``active``, ``groups``, and for each lesson
    ``<name> [<id>] status``, ``... due`` and ``... completed``. Formulas are escaped.

    :param time_zone: time zone of the dates.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(map(escape_formula, column_names(matrix)))
    for row in _row_values(matrix, time_zone=time_zone):
        writer.writerow(map(escape_formula, row))
    return file.getvalue().encode("utf-8-sig")


def escape_formula(value: object) -> str:
    """Return a value as a string, with an apostrophe before values that a spreadsheet would evaluate."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_PREFIXES) else text


def to_parquet(matrix: TrainingMatrix, *, time_zone: tzinfo) -> bytes:
    """Return the matrix as Parquet with the columns of the CSV file, typed.

    :param time_zone: time zone of the dates.
    """
    import pyarrow as pa
    from pyarrow import parquet

    user_types = (pa.int64(), pa.string(), pa.string(), pa.bool_(), pa.string())
    lesson_types = (pa.string(), pa.date32(), pa.date32())
    types = (*user_types, *lesson_types * len(matrix.lessons))
    schema = pa.schema(list(zip(column_names(matrix), types, strict=True)))
    rows = list(_row_values(matrix, time_zone=time_zone))
    columns = [pa.array([row[index] for row in rows], type=field.type) for index, field in enumerate(schema)]
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), file)
    return file.getvalue()


def column_names(matrix: TrainingMatrix) -> Iterator[str]:
    """Yield the names of the columns, such as ``user_id`` and ``Manual Handling [203] due``."""
    yield from USER_COLUMNS
    for lesson_id, name in matrix.lessons.items():
        yield from (f"{name} [{lesson_id}] {column}" for column in LESSON_COLUMNS)


def _row_values(matrix: TrainingMatrix, *, time_zone: tzinfo) -> Iterator[tuple[Any, ...]]:
    for row in matrix.rows:
        user = row.user
        values: list[Any] = [
            user.id,
            user.employee_number,
            user.full_name,
            user.is_active,
            "; ".join(row.groups),
        ]
        for lesson_id in matrix.lessons:
            cell = row.cell(lesson_id)
            dates = (local_date(timestamp, time_zone) for timestamp in (cell.due, cell.completed))
            values += (cell.status, *dates)
        yield tuple(values)
