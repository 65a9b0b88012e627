"""Waiting for a user, or a group's members, to have completed lessons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import PollResult, Query, QueryFilter, required_count
from airflow_provider_damstra.conditions.threshold import parse_number, validate_share
from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import Identifier, IdentifierList
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.services.idempotency import format_ids

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_damstra.conditions.base import ScheduleState

_BEST_FIRST = ("completed", "open", "overdue", "cancelled")


class _UserLessons(RequestModel):
    user_id: Identifier
    lesson_ids: IdentifierList


class _GroupLesson(RequestModel):
    group_id: Identifier
    lesson_id: Identifier


def best_lesson_state(rows: Collection[ScheduleState], lesson_id: int) -> str:
    """Return the best state that a user's schedules of a lesson have, or ``none`` if there is no schedule."""
    states = {row.state for row in rows if row.lesson_id == lesson_id}
    return next((state for state in _BEST_FIRST if state in states), "none")


class UserLessonsCondition:
    """Over when a user has completed every one of some lessons, whichever schedule it was.

    :param user_id: the user.
    :param lesson_ids: the lessons: ids in any form that an argument may have.
    :param fail_on: states of a lesson at which the wait fails.
    :raises pydantic.ValidationError: if an id is none.
    """

    def __init__(self, *, user_id: Any, lesson_ids: Any, fail_on: Collection[str] = ("cancelled",)) -> None:
        checked = _UserLessons(user_id=user_id, lesson_ids=lesson_ids)
        self._query = ListUserLessonSchedules(user_id=checked.user_id)
        self._fail_on = frozenset(fail_on)
        self._states: dict[int, str] = dict.fromkeys(checked.lesson_ids, "none")
        self._is_unknown = False

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the user's listing."""
        return {self._query: QueryFilter()}

    def update(self, query: Query, answer: Any) -> None:
        """Take the user's schedules, or that there is no such user."""
        self._is_unknown = isinstance(answer, DamstraNotFoundError)
        rows = [] if self._is_unknown else answer
        self._states = {lesson: best_lesson_state(rows, lesson) for lesson in self._states}

    def evaluate(self) -> PollResult:
        """Return whether all lessons are completed, or one can no longer be."""
        user = f"User {self._query.user_id}"
        if self._is_unknown:
            return PollResult(is_done=True, failure=f"{user} does not exist.")
        done = [lesson for lesson, state in self._states.items() if state == "completed"]
        lost = [f"lesson {one} is {state}" for one, state in self._states.items() if state in self._fail_on]
        progress = f"{user} completed {len(done)} of {len(self._states)} lessons"
        return PollResult(
            is_done=len(done) == len(self._states) or bool(lost),
            failure=f"{progress}; {'; '.join(lost)}." if lost else None,
            progress=progress,
            result=done,
        )


class GroupLessonCondition:
    """Over when enough members of a group have completed a lesson. Members may come and go meanwhile.

    :param group_id: the group.
    :param lesson_id: the lesson.
    :param threshold: the share of the members that is required, above 0 and up to 1.
    :param fail_on: states of a member's lesson at which that member counts as lost.
    :raises pydantic.ValidationError: if an id is none.
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
        checked = _GroupLesson(group_id=group_id, lesson_id=lesson_id)
        self._query = ListGroupMembers(group_id=checked.group_id)
        self._lesson_id = checked.lesson_id
        self._threshold = validate_share("threshold", parse_number(threshold))
        self._fail_on = frozenset(fail_on)
        self._is_unknown = False
        self._members: list[int] = []
        self._states: dict[int, str] = {}

    def queries(self) -> dict[Query, QueryFilter]:
        """Return who the members are, and the listings of those who are not known to be done."""
        waiting = [user for user in self._members if self._states.get(user) != "completed"]
        queries: dict[Query, QueryFilter] = {self._query: QueryFilter()}
        return queries | {ListUserLessonSchedules(user_id=user): QueryFilter() for user in waiting}

    def update(self, query: Query, answer: Any) -> None:
        """Take the members, a member's schedules, or that there is no such group or user."""
        is_missing = isinstance(answer, DamstraNotFoundError)
        if isinstance(query, ListGroupMembers):
            self._is_unknown = is_missing
            # Who is not in the organisation any more will not do it.
            self._members = [] if is_missing else [user.id for user in answer if user.is_active]
        elif isinstance(query, ListUserLessonSchedules):
            self._states[query.user_id] = "none" if is_missing else best_lesson_state(answer, self._lesson_id)

    def evaluate(self) -> PollResult:
        """Return whether enough members are done, or too many lost. An empty group is not done."""
        group = self._query.group_id
        if self._is_unknown:
            return PollResult(is_done=True, failure=f"Group {group} does not exist.")
        count = len(self._members)
        done = [user for user in self._members if self._states.get(user) == "completed"]
        lost = [user for user in self._members if self._states.get(user) in self._fail_on]
        needed = required_count(self._threshold, count) if count else 1
        is_lost = count - len(lost) < needed and count > 0
        progress = f"{len(done)} of {count} members of group {group} completed lesson {self._lesson_id}"
        return PollResult(
            is_done=len(done) >= needed or is_lost,
            failure=f"{progress}; cancelled or overdue for users {format_ids(lost)}." if is_lost else None,
            progress=progress,
            result=done,
        )
