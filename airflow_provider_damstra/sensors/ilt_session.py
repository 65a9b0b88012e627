"""The sensor that waits for the state or the status of an ILT session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

from airflow_provider_damstra.sensors.base import DamstraSensor
from airflow_provider_damstra.validation import validate_choice, validate_exactly_one

if TYPE_CHECKING:
    from airflow_provider_damstra.arguments import Id, SensorArguments


class DamstraIltSessionSensor(DamstraSensor):
    """Wait until an ILT session has reached or passed a state, or has a status.

    Each poll calls ``getIltSession``. Returns (XCom) a list with the session's id.

    Fails immediately if the session does not exist, or cannot reach the state or status any more: a cancelled
    session reaches no state, and the status of a completed or cancelled session does not change.

    Modes, common arguments and error handling: see ``DamstraSensor``.

    :param ilt_session_id: id of the session (templated).
    :param state: position in time to wait for: ``upcoming``, ``inprogress`` or ``past``; or
    :param status: status to wait for: ``active``, ``completed`` or ``cancelled``.
    :raises ValueError: if not exactly one of ``state`` and ``status`` is given, or it has another value.
    """

    condition_name = "IltSessionCondition"
    condition_arguments = ("ilt_session_id", "state", "status")
    template_fields = ("ilt_session_id", "damstra_conn_id")

    def __init__(
        self,
        *,
        ilt_session_id: Id,
        state: Literal["upcoming", "inprogress", "past"] | None = None,
        status: Literal["active", "completed", "cancelled"] | None = None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_exactly_one(state=state, status=status)
        validate_choice("state", state, None, "upcoming", "inprogress", "past")
        validate_choice("status", status, None, "active", "completed", "cancelled")
        self.ilt_session_id = ilt_session_id
        self.state = state
        self.status = status
        self._configure_trigger_start()
