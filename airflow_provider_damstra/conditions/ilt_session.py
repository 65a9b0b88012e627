"""The condition that an ILT session has reached a state or a status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import PollResult, SingleQueryCondition
from airflow_provider_damstra.endpoints.ilt_session import GetIltSession
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.ilt_session import IltSessionStateName, IltSessionStatus

if TYPE_CHECKING:
    from airflow_provider_damstra.models.ilt_session import IltSession

_STATES_IN_ORDER = list(IltSessionStateName)


class IltSessionCondition(SingleQueryCondition):
    """Met when a session has reached or passed a state, or has a status; fails when it can no longer.

    :param ilt_session_id: the session.
    :param state: ``upcoming``, ``inprogress`` or ``past``; or
    :param status: ``active``, ``completed`` or ``cancelled``.
    :raises pydantic.ValidationError: if the id is invalid.
    """

    def __init__(self, *, ilt_session_id: Any, state: str | None = None, status: str | None = None) -> None:
        query = GetIltSession(ilt_session_id=ilt_session_id)
        super().__init__(query)
        self._name = f"ILT session {query.ilt_session_id}"
        self._state = IltSessionStateName(state) if state else None
        self._status = IltSessionStatus[status.upper()] if status else None

    def evaluate(self) -> PollResult:
        """Return the session's id; done when it is where it should be, or cannot get there any more."""
        session: IltSession | DamstraNotFoundError | None = self.response
        if session is None:
            return PollResult(is_done=False)
        if isinstance(session, DamstraNotFoundError):
            return PollResult(is_done=True, failure=f"{self._name} does not exist.")
        is_met = session.status_id == self._status if self._status else self._has_reached_state(session)
        is_ended = session.is_cancelled or (session.is_completed and self._status is not None)
        progress = f"{self._name} is {session.state}, {session.status_name}"
        return PollResult(
            is_done=is_met or is_ended,
            failure=f"{progress}, and will not change." if is_ended and not is_met else None,
            progress=progress,
            result=[session.id],
        )

    def _has_reached_state(self, session: IltSession) -> bool:
        if session.is_cancelled or self._state is None or session.state not in _STATES_IN_ORDER:
            return False
        current = _STATES_IN_ORDER.index(IltSessionStateName(session.state))
        return current >= _STATES_IN_ORDER.index(self._state)
