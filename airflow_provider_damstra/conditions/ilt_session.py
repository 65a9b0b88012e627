"""Waiting for an ILT session to reach a state or a status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import PollResult, Query, QueryFilter
from airflow_provider_damstra.endpoints.ilt_session import GetIltSession
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.ilt_session import IltSessionStateName, IltSessionStatus

if TYPE_CHECKING:
    from airflow_provider_damstra.models.ilt_session import IltSession

_ORDER = list(IltSessionStateName)


class IltSessionCondition:
    """Over when a session is in a state (or past it), or has a status; it fails when that can no longer be.

    :param ilt_session_id: the session.
    :param state: ``upcoming``, ``inprogress`` or ``past``; or
    :param status: ``active``, ``completed`` or ``cancelled``.
    """

    def __init__(self, *, ilt_session_id: Any, state: str | None = None, status: str | None = None) -> None:
        self._query = GetIltSession(ilt_session_id=ilt_session_id)
        self._state = IltSessionStateName(state) if state else None
        self._status = IltSessionStatus[status.upper()] if status else None
        self._session: IltSession | None = None
        self._is_unknown = False

    def queries(self) -> dict[Query, QueryFilter]:
        """Return the session."""
        return {self._query: QueryFilter()}

    def update(self, query: Query, answer: Any) -> None:
        """Take the session, or that there is none."""
        self._is_unknown = isinstance(answer, DamstraNotFoundError)
        self._session = None if self._is_unknown else answer

    def evaluate(self) -> PollResult:
        """Return whether the session is where it is wanted, or can no longer get there."""
        session = self._session
        name = f"ILT session {self._query.ilt_session_id}"
        if self._is_unknown:
            return PollResult(is_done=True, failure=f"{name} does not exist.")
        if session is None:
            return PollResult(is_done=False)
        is_there = session.status_id == self._status if self._status else self._has_come(session)
        is_ended = session.is_cancelled or (session.is_completed and self._status is not None)
        progress = f"{name} is {session.state}, {session.status_name}"
        return PollResult(
            is_done=is_there or is_ended,
            failure=f"{progress}, and will not change." if is_ended and not is_there else None,
            progress=progress,
            result=[session.id],
        )

    def _has_come(self, session: IltSession) -> bool:
        if session.is_cancelled or self._state is None or session.state not in _ORDER:
            return False
        return _ORDER.index(IltSessionStateName(session.state)) >= _ORDER.index(self._state)
