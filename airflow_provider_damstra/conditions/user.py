"""Conditions about one user: that the user exists, and that the user has completed lessons."""

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
from airflow_provider_damstra.endpoints.types import Identifier, IdentifierList
from airflow_provider_damstra.endpoints.user import ListUsers
from airflow_provider_damstra.errors import DamstraNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_damstra.models.user import User


class UserCondition:
    """Met when exactly one active user has an employee number or an e-mail address; fails if several have.

    :param emp_id: the employee number; or
    :param email_address: the e-mail address.
    :raises ValueError: if both are empty.
    """

    def __init__(self, *, emp_id: str | int | None = None, email_address: str | None = None) -> None:
        self._query = ListUsers(emp_id=emp_id, email_address=email_address)
        self._name = (self._query.emp_id or self._query.email_address or "").strip()
        if not self._name:
            raise ValueError("both emp_id and email_address are empty, so there is no user to wait for")
        self._users: list[User] = []

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the search for the user."""
        return {self._query: QueryFilter()}

    def update(self, query: Query, response: Any) -> None:
        """Store the users found."""
        self._users = response if isinstance(response, list) else []

    def evaluate(self) -> PollResult:
        """Return the ids of the users found; more than one is a failure, as the user is ambiguous."""
        ids = [user.id for user in self._users]
        return PollResult(
            is_done=bool(ids),
            failure=f"{len(ids)} users are {self._name!r}: {ids}." if len(ids) > 1 else None,
            progress=f"User {self._name!r} {'exists' if ids else 'does not exist yet'}",
            result=ids,
        )


class _UserLessons(RequestModel):
    user_id: Identifier
    lesson_ids: IdentifierList


class UserLessonsCondition:
    """Met when a user has completed each of some lessons, by any lesson schedule.

    :param user_id: the user.
    :param lesson_ids: the lessons: ids in any form that an argument may have.
    :param fail_on: states of a lesson at which the condition fails.
    :raises pydantic.ValidationError: if an id is invalid.
    """

    def __init__(self, *, user_id: Any, lesson_ids: Any, fail_on: Collection[str] = ("cancelled",)) -> None:
        valid = _UserLessons(user_id=user_id, lesson_ids=lesson_ids)
        self._user_id = valid.user_id
        self._fail_on = frozenset(fail_on)
        self._states: dict[int, str] = dict.fromkeys(valid.lesson_ids, "none")
        self._is_missing = False

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the user's listing."""
        return {user_schedules_query(self._user_id): QueryFilter()}

    def update(self, query: Query, response: Any) -> None:
        """Store the states of the user's lessons, or that the user does not exist."""
        self._is_missing = isinstance(response, DamstraNotFoundError)
        rows = [] if self._is_missing else response
        self._states = {lesson: best_lesson_state(rows, lesson) for lesson in self._states}

    def evaluate(self) -> PollResult:
        """Return the completed lessons; done when all are, or when one is in a state of ``fail_on``."""
        user = f"User {self._user_id}"
        if self._is_missing:
            return PollResult(is_done=True, failure=f"{user} does not exist.")
        completed = [lesson for lesson, state in self._states.items() if state == "completed"]
        failed = [f"lesson {one} is {state}" for one, state in self._states.items() if state in self._fail_on]
        progress = f"{user} completed {len(completed)} of {len(self._states)} lessons"
        return PollResult(
            is_done=len(completed) == len(self._states) or bool(failed),
            failure=f"{progress}; {'; '.join(failed)}." if failed else None,
            progress=progress,
            result=completed,
        )
