"""Lessons completed on paper, recorded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.actions.caller import Caller, create_unless_found
from airflow_provider_damstra.endpoints.lesson_schedule import (
    CompleteLesson,
    LessonScheduleFilter,
    ListUserLessonSchedules,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule


def complete_lesson(caller: Caller, wanted: CompleteLesson) -> tuple[list[int], bool]:
    """Return the ids of the completed schedules, and whether the completion was recorded here."""
    return create_unless_found(caller, wanted, find=lambda: _completed(caller, wanted))


def _completed(caller: Caller, wanted: CompleteLesson) -> list[int] | None:
    """Return the schedules of the lesson that were completed at that second: the API keeps no more."""
    rows = caller.iterate(
        ListUserLessonSchedules(user_id=wanted.user_id, status=LessonScheduleFilter.COMPLETED)
    )
    return [row.id for row in rows if _is_it(row, wanted)] or None


def _is_it(row: UserLessonSchedule, wanted: CompleteLesson) -> bool:
    same_lesson = wanted.lesson_id in (None, row.lesson_id)
    same_version = wanted.lesson_version_id in (None, row.lesson_version_id)
    moment = row.lesson_completed_date
    same_second = moment is not None and moment.replace(microsecond=0) == wanted.completed_date
    return same_lesson and same_version and same_second
