"""The condition that an ILT session has reached a state or a status."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import OpenItem, PollResult, SingleQueryCondition
from airflow_provider_damstra.endpoints.ilt_session import GetIltSession
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.ilt_session import IltSessionStateName, IltSessionStatus

if TYPE_CHECKING:
    from airflow_provider_damstra.models.ilt_session import IltSession


class IltSessionCondition(SingleQueryCondition):
    """Condition met when a session has reached or passed a state, or has a status; fails when it cannot.

    :param ilt_session_id: the session.
    :param state: ``upcoming``, ``inprogress`` or ``past``; or
    :param status: ``active``, ``completed`` or ``cancelled``.
    :raises pydantic.ValidationError: if the id is invalid.
    """

    def __init__(self, *, ilt_session_id: Any, state: str | None = None, status: str | None = None) -> None:
        query = GetIltSession(ilt_session_id=ilt_session_id)
        super().__init__(query)
        self._name = f"ILT session {query.ilt_session_id}"
        states = list(IltSessionStateName)
        self._accepted_states = states[states.index(IltSessionStateName(state)) :] if state else []
        self._status = IltSessionStatus[status.upper()] if status else None

    def evaluate(self) -> PollResult:
        """Return the session's id; done when it is where it should be, or cannot get there any more."""
        session: IltSession | DamstraNotFoundError | None = self.response
        if session is None:
            return PollResult()
        if isinstance(session, DamstraNotFoundError):
            return PollResult(failure=f"{self._name} does not exist.")
        has_reached_state = session.state in self._accepted_states and not session.is_cancelled
        is_met = session.status_id == self._status if self._status else has_reached_state
        is_ended = session.is_cancelled or (session.is_completed and self._status is not None)
        progress = f"{self._name} is {session.state}, {session.status_name}"
        return PollResult(
            is_met=is_met,
            failure=f"{progress}, and will not change." if is_ended and not is_met else None,
            progress=progress,
            result=[session.id],
        )

    def open_items(self) -> Iterator[OpenItem]:
        """Yield the session, with its lesson."""
        session = self.response
        if session is not None and not isinstance(session, DamstraNotFoundError):
            lesson = " ".join(str(part) for part in (session.lesson_id, session.lesson_name) if part)
            text = f"{self._name}, lesson {lesson}" if lesson else self._name
            yield partial(str, text)
