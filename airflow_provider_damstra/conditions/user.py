"""Waiting for a user to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import PollResult, Query, QueryFilter
from airflow_provider_damstra.endpoints.user import ListUsers

if TYPE_CHECKING:
    from airflow_provider_damstra.models.user import User


class UserCondition:
    """Over when an active user with an employee number or an e-mail address is there.

    :param emp_id: the employee number; or
    :param email_address: the e-mail address.
    """

    def __init__(self, *, emp_id: str | int | None = None, email_address: str | None = None) -> None:
        self._query = ListUsers(emp_id=emp_id, email_address=email_address)
        self._name = (self._query.emp_id or self._query.email_address or "").strip()
        if not self._name:
            raise ValueError("there is neither an emp_id nor an email_address, so nobody is waited for")
        self._users: list[User] = []

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the search."""
        return {self._query: QueryFilter()}

    def update(self, query: Query, answer: Any) -> None:
        """Take the users found."""
        self._users = answer if isinstance(answer, list) else []

    def evaluate(self) -> PollResult:
        """Return whether the user is there; more than one is a failure, for nobody knows which is meant."""
        ids = [user.id for user in self._users]
        return PollResult(
            is_done=bool(ids),
            failure=f"{len(ids)} users are {self._name!r}: {ids}." if len(ids) > 1 else None,
            progress=f"User {self._name!r} is {'there' if ids else 'not there yet'}",
            result=ids,
        )
