"""Conditions about users: that one exists, and that one or the members of a group have completed lessons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import (
    AT_ANY_TIME,
    OpenItem,
    PollResult,
    Query,
    QueryFilter,
    SingleQueryCondition,
    user_schedules_query,
)
from airflow_provider_damstra.conditions.completion import (
    EXPIRED,
    NOT_PASSED,
    create_completion_rule,
    describe_state,
)
from airflow_provider_damstra.conditions.progress import describe_open_item
from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.lesson_schedule import DownloadCertificate, ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import Identifier, IdentifierList
from airflow_provider_damstra.endpoints.user import ListUsers
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.validation import parse_share, required_count

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import ScheduleState
    from airflow_provider_damstra.models.user import User

_REJECTED = (NOT_PASSED, EXPIRED)
"""States of completed lessons that do not count."""


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
    :param require_passed: see ``CompletionRule``, also for ``valid_for`` and ``passed_schedule_ids``.
    :raises pydantic.ValidationError: if an id is invalid.
    :raises ValueError: if ``valid_for`` is no duration.
    """

    def __init__(
        self,
        *,
        user_id: Any,
        lesson_ids: Any,
        fail_on: Collection[str] = ("cancelled",),
        require_passed: bool = False,
        valid_for: Any = None,
        passed_schedule_ids: Collection[int] = (),
    ) -> None:
        valid = _UserLessons(user_id=user_id, lesson_ids=lesson_ids)
        super().__init__(user_schedules_query(valid.user_id))
        self._user_id = valid.user_id
        self._name = f"User {valid.user_id}"
        self._lesson_ids = valid.lesson_ids
        self._fail_on = frozenset(fail_on)
        self.completion_rule = create_completion_rule(
            require_passed=require_passed, valid_for=valid_for, passed_schedule_ids=passed_schedule_ids
        )

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the query for the user's schedules, and queries for certificates."""
        queries = super().queries()
        for lesson_id in self._lesson_ids if self.completion_rule.require_passed else ():
            queries |= self.completion_rule.certificate_queries(self._schedules_of(lesson_id))
        return queries

    def update(self, query: Query, response: Any) -> None:
        """Store the user's schedules, a certificate, or that one of them does not exist."""
        if isinstance(query, DownloadCertificate):
            self.completion_rule.update(query, response)
        else:
            super().update(query, response)

    def _schedules_of(self, lesson_id: int) -> list[ScheduleState]:
        rows = self.response if isinstance(self.response, list) else []
        return [row for row in rows if row.lesson_id == lesson_id]

    def evaluate(self) -> PollResult:
        """Return the completed lessons; done when all are, or when one is in a state of ``fail_on``."""
        if isinstance(self.response, DamstraNotFoundError):
            return PollResult(failure=f"{self._name} does not exist.")
        best_state = self.completion_rule.best_state
        states = {lesson: best_state(self._schedules_of(lesson)) for lesson in self._lesson_ids}
        completed = [lesson for lesson, state in states.items() if state == "completed"]
        failed = [lesson for lesson, state in states.items() if state in self._fail_on]
        progress = f"{self._name} completed {len(completed)} of {len(states)} lessons"
        rejected = [lesson for lesson, state in states.items() if state in _REJECTED and not failed]
        described = "; ".join(f"lesson {one} is {describe_state(states[one])}" for one in failed or rejected)
        progress += f"; {described}" if described else ""
        return PollResult(
            is_met=len(completed) == len(states),
            failure=f"{progress}." if failed else None,
            progress=progress,
            result=completed,
        )

    def open_items(self) -> Iterator[OpenItem]:
        """Yield the lessons that the user has not completed."""
        rows = self.response if isinstance(self.response, list) else []
        for lesson_id in self._lesson_ids:
            schedules = self._schedules_of(lesson_id)
            state = self.completion_rule.best_state(schedules)
            if state != "completed":
                yield partial(
                    describe_open_item,
                    user_id=self._user_id,
                    user_name=next((row.user_name for row in rows), None),
                    lesson_id=lesson_id,
                    lesson_name=next((row.lesson_name for row in schedules), None),
                    state=state,
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
    :param require_passed: see ``CompletionRule``, also for ``valid_for`` and ``passed_schedule_ids``.
    :raises pydantic.ValidationError: if an id is invalid.
    :raises ValueError: if the threshold is not a share, or ``valid_for`` is no duration.
    """

    def __init__(
        self,
        *,
        group_id: Any,
        lesson_id: Any,
        threshold: float | str = 1.0,
        fail_on: Collection[str] = ("cancelled",),
        require_passed: bool = False,
        valid_for: Any = None,
        passed_schedule_ids: Collection[int] = (),
    ) -> None:
        valid = _GroupLesson(group_id=group_id, lesson_id=lesson_id)
        self._query = ListGroupMembers(group_id=valid.group_id)
        self._lesson_id = valid.lesson_id
        self._threshold = parse_share("threshold", threshold)
        self._fail_on = frozenset(fail_on)
        self.completion_rule = create_completion_rule(
            require_passed=require_passed, valid_for=valid_for, passed_schedule_ids=passed_schedule_ids
        )
        self._is_missing = False
        self._users: list[User] = []
        self._members: list[int] = []
        self._schedules: dict[int, tuple[ScheduleState, ...]] = {}

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the members' listing, and schedules and certificates of those who have not completed it."""
        queries: dict[Query, QueryFilter] = {self._query: AT_ANY_TIME}
        for user_id in self._members:
            if self._state(user_id) != "completed":
                queries[user_schedules_query(user_id)] = AT_ANY_TIME
                queries |= self.completion_rule.certificate_queries(self._schedules.get(user_id, ()))
        return queries

    def _state(self, user_id: int) -> str:
        return self.completion_rule.best_state(self._schedules.get(user_id, ()))

    def update(self, query: Query, response: Any) -> None:
        """Store the members, a member's schedules, a certificate, or that one of them does not exist."""
        is_missing = isinstance(response, DamstraNotFoundError)
        if isinstance(query, ListGroupMembers):
            self._is_missing = is_missing
            # An inactive user will not complete the lesson.
            # The list itself, which all conditions about the group share.
            self._users = [] if is_missing else response
            self._members = [user.id for user in self._users if user.is_active]
        elif isinstance(query, ListUserLessonSchedules):
            rows = [] if is_missing else [row for row in response if row.lesson_id == self._lesson_id]
            self._schedules[query.user_id] = self.completion_rule.required_part(rows)
        elif isinstance(query, DownloadCertificate):
            self.completion_rule.update(query, response)

    def evaluate(self) -> PollResult:
        """Return the members who completed the lesson. With an empty group the condition is not done."""
        group = self._query.group_id
        if self._is_missing:
            return PollResult(failure=f"Group {group} does not exist.")
        states = {user: self._state(user) for user in self._members}
        completed = [user for user, state in states.items() if state == "completed"]
        failed = [user for user, state in states.items() if state in self._fail_on]
        required = required_count(self._threshold, len(states))
        has_failed = len(failed) > 0 and len(states) - len(failed) < required
        counts = Counter(state for state in states.values() if state in _REJECTED)
        rejected = ", ".join(f"{count} {describe_state(state)}" for state, count in sorted(counts.items()))
        progress = (
            f"{len(completed)} of {len(states)} members of group {group} completed lesson {self._lesson_id}"
        )
        progress += f" ({rejected})" if rejected else ""
        reasons = " or ".join(sorted({describe_state(states[user]) for user in failed}))
        return PollResult(
            is_met=len(completed) >= required,
            failure=f"{progress}; {reasons} for users {format_ids(failed)}." if has_failed else None,
            progress=progress,
            result=completed,
        )

    def open_items(self) -> Iterator[OpenItem]:
        """Yield the members who have not completed the lesson."""
        for user in self._users:
            state = self._state(user.id)
            if user.is_active and state != "completed":
                yield partial(self._describe_open, user, state)

    def _describe_open(self, user: User, state: str) -> str:
        return describe_open_item(
            user_id=user.id,
            user_name=" ".join(filter(None, (user.first_name, user.last_name))) or user.user_name,
            lesson_id=self._lesson_id,
            lesson_name=None,
            state=state,
        )
