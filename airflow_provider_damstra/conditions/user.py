"""Waiting for a user to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import Interest, Question, Verdict
from airflow_provider_damstra.endpoints.user import ListUsers

if TYPE_CHECKING:
    from airflow_provider_damstra.models.user import User


class UserWait:
    """Over when an active user with an employee number or an e-mail address is there.

    :param emp_id: the employee number; or
    :param email_address: the e-mail address.
    """

    def __init__(self, *, emp_id: str | int | None = None, email_address: str | None = None) -> None:
        self._question = ListUsers(emp_id=emp_id, email_address=email_address)
        self._name = (self._question.emp_id or self._question.email_address or "").strip()
        if not self._name:
            raise ValueError("there is neither an emp_id nor an email_address, so nobody is waited for")
        self._users: list[User] = []

    def interests(self) -> dict[Question, Interest]:
        """Return the search."""
        return {self._question: Interest()}

    def learn(self, question: Question, answer: Any) -> None:
        """Take the users found."""
        self._users = answer if isinstance(answer, list) else []

    def verdict(self) -> Verdict:
        """Return whether the user is there; more than one is a failure, for nobody knows which is meant."""
        ids = [user.id for user in self._users]
        return Verdict(
            is_over=bool(ids),
            failure=f"{len(ids)} users are {self._name!r}: {ids}." if len(ids) > 1 else None,
            progress=f"User {self._name!r} is {'there' if ids else 'not there yet'}",
            result=ids,
        )
