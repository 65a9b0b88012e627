"""Answers as waits update them, and what they ask for."""

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
NOT_FOUND = DamstraNotFoundError("There is no such thing.")
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def alone(schedule_id: int) -> GetLessonSchedule:
    """Return the query for one schedule."""
    return GetLessonSchedule(lesson_schedule_id=schedule_id)


def listing(user_id: int = USER) -> ListUserLessonSchedules:
    """Return the query for a user's schedules."""
    return ListUserLessonSchedules(user_id=user_id)


def found(schedule_id: int, user_id: int | None = USER, *, is_completed: bool = False) -> LessonSchedule:
    """Return a schedule as it is asked for alone: without a status."""
    completed = datetime(2026, 5, 1, tzinfo=UTC) if is_completed else None
    return LessonSchedule(id=schedule_id, user_id=user_id, lesson_id=1, lesson_completed_date=completed)


def row(schedule_id: int, state: str = "open", **more: Any) -> ScheduleState:
    """Return a schedule as it stands in the list of a user's."""
    return ScheduleState(schedule_id, more.pop("lesson_id", 1), state, **more)


def query_filter(wait: Condition, query: Query) -> QueryFilter:
    """Return what a wait wants to know of a query that it has."""
    return wait.queries()[query]


def wanted(wait: Condition) -> dict[int, list[int]]:
    """Return by user which rows of the listings a wait wants."""
    return {
        query.user_id: sorted(one.rows or ())
        for query, one in wait.queries().items()
        if isinstance(query, ListUserLessonSchedules)
    }
