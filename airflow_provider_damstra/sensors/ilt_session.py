"""The sensor that waits for an ILT session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.sensors.base import DamstraSensor
from airflow_provider_damstra.validation import validate_choice, validate_exactly_one

if TYPE_CHECKING:
    from airflow_provider_damstra.validation import Id


class DamstraIltSessionSensor(DamstraSensor):
    """Wait until an ILT session is in a state, or past it, or has a status; fail when that can no longer be.

    Calls ``getIltSession``.

    :param ilt_session_id: the session (templated).
    :param state: where it is to be in time: ``upcoming``, ``inprogress`` or ``past``; or
    :param status: what is to have become of it: ``active``, ``completed`` or ``cancelled``.
    """

    condition_name = "IltSessionCondition"
    condition_arguments = ("ilt_session_id", "state", "status")
    template_fields = ("ilt_session_id", "damstra_conn_id")

    def __init__(
        self, *, ilt_session_id: Id, state: str | None = None, status: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(state=state, status=status)
        validate_choice("state", state, None, "upcoming", "inprogress", "past")
        validate_choice("status", status, None, "active", "completed", "cancelled")
        self.ilt_session_id = ilt_session_id
        self.state = state
        self.status = status
        self.start_where_asked()
