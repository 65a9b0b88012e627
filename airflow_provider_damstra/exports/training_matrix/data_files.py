"""Training matrix as CSV and as Parquet, with the same columns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.csv_files import escape_formulas, format_csv
from airflow_provider_damstra.models.timestamps import to_time_zone

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell, MatrixRow, TrainingMatrix

USER_COLUMNS = ("user_id", "employee_number", "name", "active", "groups")

SUPERVISOR_COLUMNS = ("supervisors", "supervisor_email_addresses")
"""Columns after those of the user, if supervisors are included."""

LESSON_COLUMNS = ("status", "due", "completed")
"""Columns of each lesson; their names follow the lesson's name and id."""

REQUIREMENT_COLUMNS = (*LESSON_COLUMNS, "valid_through")
"""Columns of each lesson of training rules."""


def to_csv(matrix: TrainingMatrix, *, time_zone: tzinfo) -> bytes:
    """Return the matrix as CSV in UTF-8 with a byte order mark.

    The columns are ``user_id``, ``employee_number``, ``name``, ``active``, ``groups``, and for each lesson
    ``<name> [<id>] status``, ``... due`` and ``... completed``, with training rules also
    ``... valid_through``. Formulas are escaped.

    :param time_zone: time zone of the dates.
    """
    lines = [column_names(matrix), *_row_values(matrix, time_zone=time_zone)]
    return format_csv((map(_csv_cell, line) for line in lines), line_end="\r\n").encode("utf-8-sig")


def _csv_cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return escape_formulas(value)
    return "" if value is None else str(value)


def to_parquet(matrix: TrainingMatrix, *, time_zone: tzinfo) -> bytes:
    """Return the matrix as Parquet with the columns of the CSV file, typed.

    :param time_zone: time zone of the dates.
    """
    import pyarrow as pa
    from pyarrow import parquet

    text: pa.DataType = pa.string()
    types = [pa.int64(), text, text, pa.bool_(), text]
    types += [text] * len(SUPERVISOR_COLUMNS) if matrix.has_supervisors else []
    types += [text, *[pa.date32()] * (len(_lesson_columns(matrix)) - 1)] * len(matrix.lessons)
    schema = pa.schema(list(zip(column_names(matrix), types, strict=True)))
    rows = list(_row_values(matrix, time_zone=time_zone))
    columns = [pa.array([row[index] for row in rows], type=field.type) for index, field in enumerate(schema)]
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), file)
    return file.getvalue()


def column_names(matrix: TrainingMatrix) -> Iterator[str]:
    """Yield the names of the columns, such as ``user_id`` and ``Manual Handling [203] due``."""
    yield from USER_COLUMNS
    yield from SUPERVISOR_COLUMNS if matrix.has_supervisors else ()
    for lesson_id, name in matrix.lessons.items():
        yield from (f"{name} [{lesson_id}] {column}" for column in _lesson_columns(matrix))


def local_date(timestamp: datetime | None, time_zone: tzinfo) -> date | None:
    """Return the day of a timestamp in a time zone."""
    return to_time_zone(timestamp, time_zone).date() if timestamp else None


def _lesson_columns(matrix: TrainingMatrix) -> tuple[str, ...]:
    return REQUIREMENT_COLUMNS if matrix.has_requirements else LESSON_COLUMNS


def _row_values(matrix: TrainingMatrix, *, time_zone: tzinfo) -> Iterator[tuple[Any, ...]]:
    for row in matrix.rows:
        values = _user_values(row)
        if matrix.has_supervisors:
            addresses = (one.email_address for one in row.supervisors)
            values += ["; ".join(row.supervisor_names), "; ".join(filter(None, addresses))]
        for cell in matrix.cells(row):
            values += _lesson_values(cell, row.time_zone or time_zone)
            if matrix.has_requirements:
                values.append(cell.valid_through)
        yield tuple(values)


def _user_values(row: MatrixRow) -> list[Any]:
    user = row.user
    return [user.id, user.employee_number, user.full_name, user.is_active, "; ".join(row.group_names)]


def _lesson_values(cell: MatrixCell, time_zone: tzinfo) -> tuple[Any, ...]:
    return cell.status, local_date(cell.due, time_zone), local_date(cell.completed, time_zone)
