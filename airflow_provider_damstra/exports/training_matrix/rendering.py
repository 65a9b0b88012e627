"""Training matrix as a self-contained HTML file for browsers and mail, as CSV, and as Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from html import escape
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.csv_files import escape_formulas, format_csv
from airflow_provider_damstra.exports.training_matrix.completion import EXPIRED, NOT_PASSED
from airflow_provider_damstra.exports.training_matrix.matrix import NOT_SCHEDULED
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus
from airflow_provider_damstra.models.timestamps import to_time_zone

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell, MatrixRow, TrainingMatrix

USER_COLUMNS = ("user_id", "employee_number", "name", "active", "groups")

SUPERVISOR_COLUMNS = ("supervisors", "supervisor_email_addresses")
"""Columns after those of the user, if supervisors are included."""

LESSON_COLUMNS = ("status", "due", "completed")
"""Columns of each lesson; their names follow the lesson's name and id."""

# A mark, and a colour for dark text that remains distinguishable in greyscale.
_STATUSES: dict[str, tuple[str, str]] = {
    LessonScheduleStatus.COMPLETED: ("\u2713", "#b7e1cd"),
    LessonScheduleStatus.DUE: ("\u25cb", "#fff2b3"),
    LessonScheduleStatus.OVERDUE: ("!", "#f4a7a0"),
    LessonScheduleStatus.SCHEDULED: ("\u2026", "#cfe2f3"),
    LessonScheduleStatus.CANCELLED: ("\u2715", "#d9d9d9"),
    NOT_SCHEDULED: ("\u2013", "#ffffff"),
}
# Only in the legend of a matrix that has them.
_REJECTED_STATUSES = {NOT_PASSED: ("\u2717", "#f6c6ea"), EXPIRED: ("\u21bb", "#ffd9a8")}
_OTHER_STATUS = ("?", "#e6d5f0")

_STYLE = """
body { font: 14px/1.4 sans-serif; color: #1a1a1a; margin: 1.5em; }
table { border-collapse: separate; border-spacing: 0; }
th, td { border: 1px solid #999; padding: 4px 8px; text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: #f0f0f0; z-index: 2; }
tbody th { position: sticky; left: 0; background: #f8f8f8; z-index: 1; font-weight: normal; }
small { display: block; color: #333; }
ul.legend { list-style: none; padding: 0; }
ul.legend li { display: inline-block; border: 1px solid #999; padding: 2px 8px; margin: 0 4px 4px 0; }
@media print {
  body { margin: 0; font-size: 10px; }
  thead { display: table-header-group; }
  thead th, tbody th { position: static; }
  tr { break-inside: avoid; }
  td, li { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""


def to_html(matrix: TrainingMatrix, *, time_zone: tzinfo, title: str | None = None) -> bytes:
    """Return the matrix as an HTML file without scripts and external assets.

    Colours are inline styles of the cells, because mail clients drop style sheets; each cell also contains
    its status as text.

    :param time_zone: time zone of the dates.
    :param title: heading; default the group's name.
    """
    return "\n".join(_page(matrix, time_zone, title)).encode()


def _page(matrix: TrainingMatrix, time_zone: tzinfo, title: str | None) -> Iterator[str]:
    heading = escape(title or f"Training matrix: {matrix.group.name or f'group {matrix.group.id}'}")
    read_at = matrix.read_at.astimezone(time_zone)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    yield f"<title>{heading}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{heading}</h1>"
    yield f"<p>{len(matrix.rows)} people, {len(matrix.lessons)} lessons, as of "
    yield f"{read_at:%Y-%m-%d %H:%M} {escape(str(time_zone))}.</p>"
    yield from _legend(matrix)
    yield '<table>\n<thead>\n<tr><th scope="col">Name</th><th scope="col">Employee number</th>'
    yield from (f'<th scope="col">{escape(name)}</th>' for name in matrix.lessons.values())
    yield "</tr>\n</thead>\n<tbody>"
    for row in matrix.rows:
        yield from _row(matrix, row, time_zone)
    yield "</tbody>\n</table>\n</body>\n</html>\n"


def _legend(matrix: TrainingMatrix) -> Iterator[str]:
    counts = matrix.counts()
    yield '<ul class="legend">'
    for status in dict.fromkeys((*_STATUSES, *counts)):
        yield _status_element("li", status, f": {counts.get(status, 0)}")
    yield "</ul>"


def _row(matrix: TrainingMatrix, row: MatrixRow, time_zone: tzinfo) -> Iterator[str]:
    user = row.user
    notes = [*row.groups, *([] if user.is_active else ["inactive"])]
    notes += [f"supervised by {name}" for name in _supervisor_names(row)]
    yield f'<tr><th scope="row">{escape(user.full_name)}<small>{escape(", ".join(notes))}</small></th>'
    yield f"<td>{escape(user.employee_number or '')}</td>"
    for lesson_id in matrix.lessons:
        cell = row.cell(lesson_id)
        yield _status_element("td", cell.status, _dates(cell, time_zone))
    yield "</tr>"


def _supervisor_names(row: MatrixRow) -> list[str]:
    return [supervisor.full_name for supervisor in row.supervisors]


def _dates(cell: MatrixCell, time_zone: tzinfo) -> str:
    """Return the date of completion, or else the due date."""
    if cell.completed:
        return f"<small>on {_local_date(cell.completed, time_zone)}</small>"
    return f"<small>due {_local_date(cell.due, time_zone)}</small>" if cell.due else ""


def _local_date(timestamp: datetime | None, time_zone: tzinfo) -> date | None:
    return to_time_zone(timestamp, time_zone).date() if timestamp else None


def _status_element(tag: str, status: str, more: str) -> str:
    mark, colour = (_STATUSES | _REJECTED_STATUSES).get(status, _OTHER_STATUS)
    return f'<{tag} style="background:{colour}">{mark} {escape(status)}{more}</{tag}>'


def to_csv(matrix: TrainingMatrix, *, time_zone: tzinfo) -> bytes:
    """Return the matrix as CSV in UTF-8 with a byte order mark.

    The columns are ``user_id``, ``employee_number``, ``name``, ``active``, ``groups``, and for each lesson
    ``<name> [<id>] status``, ``... due`` and ``... completed``. Formulas are escaped.

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

    user_types = (pa.int64(), pa.string(), pa.string(), pa.bool_(), pa.string())
    lesson_types = (pa.string(), pa.date32(), pa.date32())
    supervisor_types = (pa.string(),) * len(SUPERVISOR_COLUMNS) if matrix.has_supervisors else ()
    types = (*user_types, *supervisor_types, *lesson_types * len(matrix.lessons))
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
        if matrix.has_supervisors:
            addresses = (one.email_address for one in row.supervisors)
            values += ["; ".join(_supervisor_names(row)), "; ".join(filter(None, addresses))]
        for lesson_id in matrix.lessons:
            cell = row.cell(lesson_id)
            values += (cell.status, _local_date(cell.due, time_zone), _local_date(cell.completed, time_zone))
        yield tuple(values)
