"""A training matrix as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from airflow_provider_damstra.exports.training_matrix import day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from airflow_provider_damstra.exports.training_matrix import Person, TrainingMatrix

_PERSON = ("user_id", "employee_number", "name", "active", "groups")
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
    writer.writerow(map(safe_in_a_spreadsheet, _header(matrix)))
    for person in matrix.people:
        writer.writerow(map(safe_in_a_spreadsheet, _cells(matrix, person, time_zone)))
    return lines.getvalue().encode("utf-8-sig")


def safe_in_a_spreadsheet(value: object) -> str:
    """Return a value as a text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _header(matrix: TrainingMatrix) -> Iterator[str]:
    yield from _PERSON
    for lesson_id, name in matrix.lessons.items():
        for column in ("status", "due", "completed"):
            yield f"{name} [{lesson_id}] {column}"


def _cells(matrix: TrainingMatrix, person: Person, time_zone: tzinfo) -> Iterator[object]:
    user = person.user
    yield from (user.id, user.employee_number, user.full_name, "yes" if user.is_active else "no")
    yield "; ".join(person.groups)
    for lesson_id in matrix.lessons:
        standing = person.standing(lesson_id)
        yield from (standing.status, day(standing.due, time_zone), day(standing.completed, time_zone))
