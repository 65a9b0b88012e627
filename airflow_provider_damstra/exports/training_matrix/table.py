"""A training matrix as a table: names of columns, and a row for each person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.exports.training_matrix.matrix import date_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix

OF_A_PERSON = ("user_id", "employee_number", "name", "active", "groups")
"""The first columns; their values are a number, texts, a boolean, and texts."""

OF_A_LESSON = ("status", "due", "completed")
"""The columns of each lesson, after its name and id; their values are a text and two dates."""


def columns_of(matrix: TrainingMatrix) -> Iterator[str]:
    """Yield the columns' names, such as ``user_id`` and ``Manual Handling [203] due``."""
    yield from OF_A_PERSON
    for lesson_id, name in matrix.lessons.items():
        yield from (f"{name} [{lesson_id}] {column}" for column in OF_A_LESSON)


def rows_of(matrix: TrainingMatrix, *, time_zone: tzinfo) -> Iterator[tuple[Any, ...]]:
    """Yield each person's values, None where there is none.

    :param time_zone: where the days are counted.
    """
    for person in matrix.people:
        user = person.user
        values: list[Any] = [
            user.id,
            user.employee_number,
            user.full_name,
            user.is_active,
            "; ".join(person.groups),
        ]
        for lesson_id in matrix.lessons:
            standing = person.standing(lesson_id)
            dates = (date_of(moment, time_zone) for moment in (standing.due, standing.completed))
            values += (standing.status, *dates)
        yield tuple(values)
