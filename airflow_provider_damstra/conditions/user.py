"""Conditions about users: that one exists, and that one or the members of a group have completed lessons."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import (
    PollResult,
    Query,
    QueryFilter,
    SingleQueryCondition,
    user_schedules_query,
)
from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import Identifier, IdentifierList
from airflow_provider_damstra.endpoints.user import ListUsers
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.validation import parse_share, required_count

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import ScheduleState

_BEST_STATE_FIRST = ("completed", "open", "overdue", "cancelled")


class UserCondition(SingleQueryCondition):
    """Condition met when one active user has an employee number or an e-mail address; fails if several have.

    :param emp_id: the employee number; or
    :param email_address: the e-mail address.
    :raises ValueError: if both are empty.
    """

    def __init__(self, *, emp_id: str | int | None = None, email_address: str | None = None) -> None:
        if not match_key(str(emp_id or email_address or "")):
            raise ValueError("both emp_id and email_address are empty, so there is no user to wait for")
        query = ListUsers(emp_id=emp_id or None, email_address=email_address or None)
        super().__init__(query)
        self._name = query.emp_id or query.email_address

    def evaluate(self) -> PollResult:
        """Return the ids of the users found; more than one is a failure, as the user is ambiguous."""
        ids = [user.id for user in self.response] if isinstance(self.response, list) else []
        return PollResult(
            is_met=len(ids) == 1,
            failure=f"{len(ids)} users are {self._name!r}: {ids}." if len(ids) > 1 else None,
            progress=f"User {self._name!r} {'exists' if ids else 'does not exist yet'}",
            result=ids,
        )


class _UserLessons(RequestModel):
    user_id: Identifier
    lesson_ids: IdentifierList


class UserLessonsCondition(SingleQueryCondition):
    """Condition met when a user has completed each of some lessons, by any lesson schedule.

    :param user_id: the user.
    :param lesson_ids: the lessons: ids in any form that an argument may have.
    :param fail_on: states of a lesson at which the condition fails.
    :raises pydantic.ValidationError: if an id is invalid.
    """

    def __init__(self, *, user_id: Any, lesson_ids: Any, fail_on: Collection[str] = ("cancelled",)) -> None:
        valid = _UserLessons(user_id=user_id, lesson_ids=lesson_ids)
        super().__init__(user_schedules_query(valid.user_id))
        self._name = f"User {valid.user_id}"
        self._lesson_ids = valid.lesson_ids
        self._fail_on = frozenset(fail_on)

    def evaluate(self) -> PollResult:
        """Return the completed lessons; done when all are, or when one is in a state of ``fail_on``."""
        if isinstance(self.response, DamstraNotFoundError):
            return PollResult(failure=f"{self._name} does not exist.")
        states = {lesson: _best_state(self.response or [], lesson) for lesson in self._lesson_ids}
        completed = [lesson for lesson, state in states.items() if state == "completed"]
        failed = [f"lesson {lesson} is {state}" for lesson, state in states.items() if state in self._fail_on]
        progress = f"{self._name} completed {len(completed)} of {len(states)} lessons"
        return PollResult(
            is_met=len(completed) == len(states),
            failure=f"{progress}; {'; '.join(failed)}." if failed else None,
            progress=progress,
            result=completed,
        )


class _GroupLesson(RequestModel):
    group_id: Identifier
    lesson_id: Identifier


class GroupLessonCondition:
    """Condition met when enough active members of a group have completed a lesson. The members may change.

    :param group_id: the group.
    :param lesson_id: the lesson.
    :param threshold: required share of the members, above 0 and up to 1.
    :param fail_on: states of a member's lesson that count as failed.
    :raises pydantic.ValidationError: if an id is invalid.
    :raises ValueError: if the threshold is not a share.
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
            state = "none" if is_missing else _best_state(response, self._lesson_id)
            self._states[query.user_id] = state

    def evaluate(self) -> PollResult:
        """Return the members who completed the lesson. With an empty group the condition is not done."""
        group = self._query.group_id
        if self._is_missing:
            return PollResult(failure=f"Group {group} does not exist.")
        count = len(self._members)
        completed = [user for user in self._members if self._states.get(user) == "completed"]
        failed = [user for user in self._members if self._states.get(user) in self._fail_on]
        required = required_count(self._threshold, count)
        has_failed = count > 0 and count - len(failed) < required
        progress = f"{len(completed)} of {count} members of group {group} completed lesson {self._lesson_id}"
        problem = f"cancelled or overdue for users {format_ids(failed)}"
        return PollResult(
            is_met=len(completed) >= required,
            failure=f"{progress}; {problem}." if has_failed else None,
            progress=progress,
            result=completed,
        )


def _best_state(rows: Iterable[ScheduleState], lesson_id: int) -> str:
    """Return the best state among a user's schedules of a lesson, or ``none`` if there is no schedule."""
    states = {row.state for row in rows if row.lesson_id == lesson_id}
    return next((state for state in _BEST_STATE_FIRST if state in states), "none")
