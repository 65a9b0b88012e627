"""Training matrix as one self-contained HTML file, for browsers and mail."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from airflow_provider_damstra.exports.training_matrix.matrix import NOT_SCHEDULED, format_date
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell, MatrixRow, TrainingMatrix

# Dark text on light colours that remain distinguishable in greyscale.
_COLOURS: dict[str, str] = {
    LessonScheduleStatus.COMPLETED: "#b7e1cd",
    LessonScheduleStatus.DUE: "#fff2b3",
    LessonScheduleStatus.OVERDUE: "#f4a7a0",
    LessonScheduleStatus.SCHEDULED: "#cfe2f3",
    LessonScheduleStatus.CANCELLED: "#d9d9d9",
    NOT_SCHEDULED: "#ffffff",
}
_OTHER = "#e6d5f0"
_MARKS: dict[str, str] = {
    LessonScheduleStatus.COMPLETED: "\u2713",
    LessonScheduleStatus.DUE: "\u25cb",
    LessonScheduleStatus.OVERDUE: "!",
    LessonScheduleStatus.SCHEDULED: "\u2026",
    LessonScheduleStatus.CANCELLED: "\u2715",
    NOT_SCHEDULED: "\u2013",
}
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
    for status in dict.fromkeys((*_COLOURS, *counts)):
        yield f'<li style="background:{_colour(status)}">{_label(status)}: {counts.get(status, 0)}</li>'
    yield "</ul>"


def _row(matrix: TrainingMatrix, row: MatrixRow, time_zone: tzinfo) -> Iterator[str]:
    user = row.user
    notes = [*row.groups, *([] if user.is_active else ["inactive"])]
    yield f'<tr><th scope="row">{escape(user.full_name)}<small>{escape(", ".join(notes))}</small></th>'
    yield f"<td>{escape(user.employee_number or '')}</td>"
    for lesson_id in matrix.lessons:
        cell = row.cell(lesson_id)
        dates = _dates(cell, time_zone)
        yield f'<td style="background:{_colour(cell.status)}">{_label(cell.status)}{dates}</td>'
    yield "</tr>"


def _dates(cell: MatrixCell, time_zone: tzinfo) -> str:
    """Return the date of completion, or else the due date."""
    if cell.completed:
        return f"<small>on {format_date(cell.completed, time_zone)}</small>"
    return f"<small>due {format_date(cell.due, time_zone)}</small>" if cell.due else ""


def _colour(status: str) -> str:
    return _COLOURS.get(status, _OTHER)


def _label(status: str) -> str:
    return f"{_MARKS.get(status, '?')} {escape(status)}"
