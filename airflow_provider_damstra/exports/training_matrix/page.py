"""Training matrix as one HTML file for browsers, printers and mail.

``page.css`` and ``page.js`` are part of the file. The page's Content-Security-Policy allows exactly these by
their hashes, so that a name that contained a script could not run it, and forbids all requests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import date, tzinfo
from functools import cache
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from airflow_provider_damstra.exports.training_matrix.appearance import Appearance
from airflow_provider_damstra.exports.training_matrix.data_files import local_date
from airflow_provider_damstra.exports.training_matrix.shares import shares_of

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell, MatrixRow, TrainingMatrix
    from airflow_provider_damstra.exports.training_matrix.shares import Share, Shares

# On A3 landscape: the width of the lessons together, and the font sizes with which a date fits in a column.
_PRINTED_LESSONS_MM = 340
_DATE_WIDTH_EM = 7.6
_MM_PER_POINT = 0.3528
_FONT_SIZES = (4.5, 9.0)

_EXPLANATION = (
    "on: day of completion; to: last day on which it counts; due: due date of the open schedule. "
    "Days are those of each person's time zone."
)


def to_html(matrix: TrainingMatrix, *, time_zone: tzinfo, title: str | None = None) -> bytes:
    """Return the matrix as an HTML file without external assets.

    Mail clients drop style sheets and scripts: colours are attributes of the cells, each cell contains its
    status as text, and the script creates the elements that need it.

    :param time_zone: time zone of the dates.
    :param title: heading; default the group's name.
    """
    return "\n".join(_page(matrix, time_zone, title)).encode()


def _page(matrix: TrainingMatrix, time_zone: tzinfo, title: str | None) -> Iterator[str]:
    heading = escape(title or f"Training matrix: {matrix.group.display_name}")
    style = f"\n{_asset('page.css')}{_widths(len(matrix.lessons))}"
    script = f"\n{_asset('page.js')}"
    at = matrix.at.astimezone(time_zone)
    counts = matrix.counts()
    appearance = Appearance(counts, has_requirements=matrix.has_requirements)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">'
    yield f"<title>{heading}</title>\n<style>{style}</style>\n</head>\n<body>\n<h1>{heading}</h1>"
    yield f"<p>{len(matrix.rows)} people, {len(matrix.lessons)} lessons, as of "
    yield f"{at:%Y-%m-%d %H:%M} {escape(str(time_zone))}.</p>"
    yield from _legend(appearance, counts)
    everyone, by_group = shares_of(matrix)
    if matrix.has_requirements:
        yield f"<p>{escape(_EXPLANATION)}</p>"
        yield from _share_table(matrix, everyone, by_group)
    yield from _matrix_table(matrix, appearance, everyone, time_zone)
    yield f"<script>{script}</script>\n</body>\n</html>\n"


@cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _widths(lessons: int) -> str:
    """Return the style rules that depend on the number of lessons."""
    smallest, largest = _FONT_SIZES
    fitting = _PRINTED_LESSONS_MM / max(lessons, 1) / _DATE_WIDTH_EM / _MM_PER_POINT
    font_size = min(max(fitting, smallest), largest)
    lesson_mm = font_size * _MM_PER_POINT * _DATE_WIDTH_EM
    printed = "100%" if fitting >= smallest else f"{56 + lessons * lesson_mm:.0f}mm"
    return (
        f".people {{ width: {24 + 8.5 * lessons}em; }}\n"
        f"@media print {{ .people {{ width: {printed}; font-size: {font_size:.1f}pt; }} }}\n"
    )


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _legend(appearance: Appearance, counts: dict[str, int]) -> Iterator[str]:
    yield '<table class="legend" id="legend">\n<caption>Lessons of people by status</caption>\n<tbody>\n<tr>'
    for status in appearance.order:
        yield f"{_open_cell(appearance, status)} <small>{counts.get(status, 0)}</small></td>"
    yield "</tr>\n</tbody>\n</table>"


def _share_table(matrix: TrainingMatrix, everyone: Shares, by_group: dict[str, Shares]) -> Iterator[str]:
    yield '<div class="shares">\n<table class="people">'
    yield "<caption>Trained (current or expiring) of required</caption>"
    yield from _head(matrix, "Group", "All lessons", None)
    yield "<tbody>"
    rows = {"All people": everyone, **(by_group if len(by_group) > 1 else {})}
    for name, shares in rows.items():
        yield f'<tr><th scope="row">{escape(name)} <small>{shares.people} people</small></th>'
        yield from (f"<td>{_share(one)}</td>" for one in (shares.total, *shares.by_lesson.values()))
        yield "</tr>"
    yield "</tbody>\n</table>\n</div>"


def _share(share: Share) -> str:
    if share.percent is None:
        return "\u2013"
    return f"{share.percent}\u00a0% <small>{share.trained} of {share.required}</small>"


def _matrix_table(
    matrix: TrainingMatrix, appearance: Appearance, everyone: Shares, time_zone: tzinfo
) -> Iterator[str]:
    yield '<table class="people" id="matrix">'
    yield from _head(matrix, "Name", "Employee number", everyone if matrix.has_requirements else None)
    yield "<tbody>"
    starts = {status: _open_cell(appearance, status) for status in appearance.order}
    dates = _all_dates if matrix.has_requirements else _main_date
    for row in matrix.rows:
        yield _row_header(row)
        for cell in matrix.cells(row):
            yield f"{_with_reason(starts[cell.status], cell)}{dates(cell, row.time_zone or time_zone)}</td>"
        yield "</tr>"
    yield "</tbody>\n</table>"


def _head(matrix: TrainingMatrix, first: str, second: str, shares: Shares | None) -> Iterator[str]:
    yield f'<colgroup><col class="name"><col class="number"><col span="{len(matrix.lessons)}"></colgroup>'
    yield f'<thead>\n<tr><th scope="col">{first}</th><th scope="col">{second}</th>'
    for lesson_id, name in matrix.lessons.items():
        percent = shares and shares.by_lesson[lesson_id].percent
        share = "" if percent is None else f" <small>{percent}\u00a0% trained</small>"
        yield f'<th scope="col">{escape(name)}{share}</th>'
    yield "</tr>\n</thead>"


def _row_header(row: MatrixRow) -> str:
    user = row.user
    notes = [*row.group_names, *([] if user.is_active else ["inactive"])]
    notes += [f"supervised by {name}" for name in row.supervisor_names]
    return (
        f'<tr><th scope="row">{escape(user.full_name)} <small>{escape(", ".join(notes))}</small></th>\n'
        f"<td>{escape(user.employee_number or '')}</td>"
    )


def _open_cell(appearance: Appearance, status: str) -> str:
    return f'<td bgcolor="{appearance.colour(status)}">{escape(appearance.label(status))}'


def _with_reason(start: str, cell: MatrixCell) -> str:
    return start.replace(">", f' title="{escape(cell.reason)}">', 1) if cell.reason else start


def _main_date(cell: MatrixCell, time_zone: tzinfo) -> str:
    """Return the date of completion, or else the due date."""
    if cell.completed:
        return _lines(("on", local_date(cell.completed, time_zone)))
    return _lines(("due", local_date(cell.due, time_zone)))


def _all_dates(cell: MatrixCell, time_zone: tzinfo) -> str:
    """Return the date of completion, the last day on which it counts, and the due date."""
    return _lines(
        ("on", local_date(cell.completed, time_zone)),
        ("to", cell.valid_through),
        ("due", local_date(cell.due, time_zone)),
    )


def _lines(*dates: tuple[str, date | None]) -> str:
    """Return dates as lines of one element, because browsers need long for an element for each date."""
    lines = "\n".join(f"{word} {day}" for word, day in dates if day)
    return f" <small>{lines}</small>" if lines else ""
