"""Operators for who attends an ILT session. DAGs import them from ``operators.ilt_session``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.arguments import exactly_one, flags
from airflow_provider_damstra.operators.base import CancelledOnKill, DamstraOperator, StepForUsers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Id, Ids


class _RegistrationOperator(StepForUsers):
    """Registers or deregisters users, and returns the ids of those for whom that changed something.

    :param ilt_session_id: the session (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    :param on_empty: ``fail`` or ``skip`` the task when there is no user.
    :param strict: fail, and change nothing, if it was so before for some of them.
    """

    endpoint_name: ClassVar[str]
    template_fields = ("ilt_session_id", "user_ids", "damstra_conn_id")

    def __init__(
        self,
        *,
        ilt_session_id: Id,
        user_ids: Ids,
        on_empty: str = "fail",
        strict: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(user_ids=user_ids, on_empty=on_empty, **kwargs)
        flags(strict=strict)
        self.ilt_session_id = ilt_session_id
        self.strict = strict

    def act(self, context: Context) -> list[int]:
        """Return for whom something changed."""
        from airflow_provider_damstra import endpoints
        from airflow_provider_damstra.actions.caller import shown
        from airflow_provider_damstra.actions.ilt_attendance import change_registration

        endpoint = getattr(endpoints, self.endpoint_name)
        wanted = endpoint(ilt_session_id=self.ilt_session_id, user_ids=self.user_ids)
        changed = change_registration(self.caller, wanted, strict=self.strict)
        self.log.info(
            "ILT session %s: %s for users %s", self.ilt_session_id, self.endpoint_name, shown(changed)
        )
        return changed


class DamstraRegisterIltSessionUsersOperator(_RegistrationOperator, CancelledOnKill):
    """Register users for an ILT session, and return the ids of those who were not registered before.

    The users must be scheduled to the session's lesson. Calls ``listIltSessionAttendees`` and, if somebody is
    missing, ``bulkRegisterIltSession``.

    :param ilt_session_id: the session (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    :param on_empty: ``fail`` or ``skip`` the task when there is no user.
    :param strict: fail, and register nobody, if some are registered already.
    :param cancel_on_kill: deregister whom this attempt registered, when the task is killed.
    """

    endpoint_name = "BulkRegisterIltSession"


class DamstraDeregisterIltSessionUsersOperator(_RegistrationOperator):
    """Deregister users from an ILT session, and return the ids of those who were registered.

    Calls ``listIltSessionAttendees`` and, if somebody is registered, ``bulkDeregisterIltSession``.

    :param ilt_session_id: the session (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    :param on_empty: ``fail`` or ``skip`` the task when there is no user.
    :param strict: fail, and deregister nobody, if some are not registered.
    """

    endpoint_name = "BulkDeregisterIltSession"


class DamstraSaveIltSessionProgressOperator(DamstraOperator):
    """Record who attended an ILT session and who passed, and return how many records changed.

    Calls ``listIltSessionAttendees`` and, if something differs, ``saveIltSessionProgress``.

    :param ilt_session_id: the session (templated).
    :param progress: what is recorded, by user id: ``{7: {"attended": True, "passed": True}}`` (templated); or
    :param user_ids: users who all attended and passed (templated).
    """

    template_fields = ("ilt_session_id", "progress", "user_ids", "damstra_conn_id")

    def __init__(
        self,
        *,
        ilt_session_id: Id,
        progress: Mapping[int | str, Mapping[str, bool]] | None = None,
        user_ids: Ids | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        exactly_one(progress=progress, user_ids=user_ids)
        self.ilt_session_id = ilt_session_id
        self.progress = progress
        self.user_ids = user_ids

    def act(self, context: Context) -> int:
        """Return how many attendees' records changed."""
        from airflow_provider_damstra.actions.ilt_attendance import Attendance, save_progress

        attendance = Attendance(
            ilt_session_id=self.ilt_session_id, progress=self.progress, user_ids=self.user_ids
        )
        changed = save_progress(self.caller, attendance)
        self.log.info("ILT session %s: %d records of attendance changed", self.ilt_session_id, changed)
        return changed
