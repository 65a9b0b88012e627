"""Responses that conditions are updated with, and the queries that they send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import ScheduleState
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule, ListUserLessonSchedules
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.lesson_schedule import LessonSchedule

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Condition, Query, QueryFilter

USER, OTHER = 7, 8
NOT_FOUND = DamstraNotFoundError("Not found.")
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def schedule_query(schedule_id: int) -> GetLessonSchedule:
    """Return the query for one schedule."""
    return GetLessonSchedule(lesson_schedule_id=schedule_id)


def user_query(user_id: int = USER) -> ListUserLessonSchedules:
    """Return the query for a user's schedules."""
    return ListUserLessonSchedules(user_id=user_id)


def schedule(schedule_id: int, user_id: int | None = USER, *, is_completed: bool = False) -> LessonSchedule:
    """Return a schedule as ``getLessonSchedule`` does: without a status."""
    completed = datetime(2026, 5, 1, tzinfo=UTC) if is_completed else None
    return LessonSchedule(id=schedule_id, user_id=user_id, lesson_id=1, lesson_completed_date=completed)


def row(schedule_id: int, state: str = "open", **more: Any) -> ScheduleState:
    """Return the state of a row in a user's listing."""
    return ScheduleState(schedule_id, more.pop("lesson_id", 1), state, **more)


def lesson_rows(**states: str) -> list[ScheduleState]:
    """Return schedules of lessons: ``lesson_rows(_201="completed", _201_again="open")``."""
    return [
        row(number, state, lesson_id=int(lesson.strip("_")[:3]))
        for number, (lesson, state) in enumerate(states.items())
    ]


def filter_of(condition: Condition, query: Query) -> QueryFilter:
    """Return the filter of one of a condition's queries."""
    return condition.queries()[query]


def requested_rows(condition: Condition) -> dict[int, list[int]]:
    """Return by user which rows of the listings a condition needs."""
    return {
        query.user_id: sorted(one.row_keys or ())
        for query, one in condition.queries().items()
        if isinstance(query, ListUserLessonSchedules)
    }
