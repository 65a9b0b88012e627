"""The condition that enough members of a group have completed a lesson."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import (
    PollResult,
    Query,
    QueryFilter,
    best_lesson_state,
    user_schedules_query,
)
from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import Identifier
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.validation import parse_share, required_count

if TYPE_CHECKING:
    from collections.abc import Collection


class _GroupLesson(RequestModel):
    group_id: Identifier
    lesson_id: Identifier


class GroupLessonCondition:
    """Met when enough active members of a group have completed a lesson. Members may change meanwhile.

    :param group_id: the group.
    :param lesson_id: the lesson.
    :param threshold: required share of the members, above 0 and up to 1.
    :param fail_on: states of a member's lesson that count as failed.
    :raises pydantic.ValidationError: if an id is invalid.
    :raises ValueError: if the threshold is no share.
    """

    def __init__(
        self,
        *,
        group_id: Any,
        lesson_id: Any,
        threshold: float | str = 1.0,
        fail_on: Collection[str] = ("cancelled",),
    ) -> None:
        valid = _GroupLesson(group_id=group_id, lesson_id=lesson_id)
        self._query = ListGroupMembers(group_id=valid.group_id)
        self._lesson_id = valid.lesson_id
        self._threshold = parse_share("threshold", threshold)
        self._fail_on = frozenset(fail_on)
        self._is_missing = False
        self._members: list[int] = []
        self._states: dict[int, str] = {}

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the members' listing, and the schedules of each member who has not completed the lesson."""
        open_members = [user for user in self._members if self._states.get(user) != "completed"]
        queries: dict[Query, QueryFilter] = {self._query: QueryFilter()}
        return queries | {user_schedules_query(user): QueryFilter() for user in open_members}

    def update(self, query: Query, response: Any) -> None:
        """Store the members, a member's state, or that the group or user does not exist."""
        is_missing = isinstance(response, DamstraNotFoundError)
        if isinstance(query, ListGroupMembers):
            self._is_missing = is_missing
            # An inactive user will not complete the lesson.
            self._members = [] if is_missing else [user.id for user in response if user.is_active]
        elif isinstance(query, ListUserLessonSchedules):
            state = "none" if is_missing else best_lesson_state(response, self._lesson_id)
            self._states[query.user_id] = state

    def evaluate(self) -> PollResult:
        """Return the members who completed the lesson. With an empty group the condition is not done."""
        group = self._query.group_id
        if self._is_missing:
            return PollResult(is_done=True, failure=f"Group {group} does not exist.")
        count = len(self._members)
        completed = [user for user in self._members if self._states.get(user) == "completed"]
        failed = [user for user in self._members if self._states.get(user) in self._fail_on]
        required = required_count(self._threshold, count)
        has_failed = count > 0 and count - len(failed) < required
        progress = f"{len(completed)} of {count} members of group {group} completed lesson {self._lesson_id}"
        problem = f"cancelled or overdue for users {format_ids(failed)}"
        return PollResult(
            is_done=len(completed) >= required or has_failed,
            failure=f"{progress}; {problem}." if has_failed else None,
            progress=progress,
            result=completed,
        )
