"""Operators for ILT (instructor-led training) sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.operators.base import DamstraOperator, RollbackOnKillMixin, UserListMixin
from airflow_provider_damstra.validation import (
    provided_arguments,
    validate_at_least_one,
    validate_booleans,
    validate_choice,
    validate_exactly_one,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_damstra.validation import Id, Ids

_CHANGES = ("instructor_id", "location", "notes", "number_of_places")


class DamstraCreateIltSessionOperator(RollbackOnKillMixin):
    """Return the id of the ILT session of that lesson, time, instructor and place, created if need be.

    A retry has to name the same times: take them from the DAG run, and not from ``now()``. Calls
    ``listIltSessions`` and, if need be, ``createIltSession``.

    :param lesson_id: the instructor-led lesson (templated).
    :param start_datetime: when it starts, with a time zone (templated).
    :param end_datetime: when it ends, with a time zone (templated).
    :param location: where it takes place (templated).
    :param instructor_id: user id of the instructor (templated).
    :param notes: notes for the session (templated).
    :param if_exists: ``return`` a session that is there already, or ``fail``.
    :param cancel_on_kill: cancel the session, if this attempt created it, when the task is killed.
    """

    template_fields = (
        "lesson_id",
        "start_datetime",
        "end_datetime",
        "location",
        "instructor_id",
        "notes",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        lesson_id: Id,
        start_datetime: datetime | str,
        end_datetime: datetime | str,
        location: str,
        instructor_id: Id,
        notes: str | None = None,
        if_exists: str = "return",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_choice("if_exists", if_exists, "return", "fail")
        self.lesson_id = lesson_id
        self.start_datetime = start_datetime
        self.end_datetime = end_datetime
        self.location = location
        self.instructor_id = instructor_id
        self.notes = notes
        self.if_exists = if_exists

    def _execute(self, context: Context) -> int:
        """Return the session's id."""
        from airflow_provider_damstra.endpoints import CreateIltSession
        from airflow_provider_damstra.services.ilt_session import ensure_session

        wanted = CreateIltSession(
            lesson_id=self.lesson_id,
            start_datetime=self.start_datetime,
            end_datetime=self.end_datetime,
            location=self.location,
            instructor_id=self.instructor_id,
            notes=self.notes,
        )
        session, was_created = ensure_session(self.client, wanted, if_exists=self.if_exists)
        self.log.info("ILT session %d %s", session.id, "created" if was_created else "is there already")
        return session.id


class DamstraUpdateIltSessionOperator(DamstraOperator):
    """Change an ILT session's instructor, location, notes or places, and return False if nothing differs.

    What is not given stays. The API cannot change the times. Calls ``getIltSession`` and, if something
    differs, ``updateIltSession``.

    :param ilt_session_id: the session (templated).
    :param instructor_id: user id of the instructor (templated).
    :param location: where it takes place (templated).
    :param notes: notes for the session (templated).
    :param number_of_places: how many can attend (templated).
    """

    template_fields = (
        "ilt_session_id",
        "instructor_id",
        "location",
        "notes",
        "number_of_places",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        ilt_session_id: Id,
        instructor_id: Id | None = None,
        location: str | None = None,
        notes: str | None = None,
        number_of_places: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_at_least_one(
            instructor_id=instructor_id, location=location, notes=notes, number_of_places=number_of_places
        )
        self.ilt_session_id = ilt_session_id
        self.instructor_id = instructor_id
        self.location = location
        self.notes = notes
        self.number_of_places = number_of_places

    def _execute(self, context: Context) -> bool:
        """Return whether something was changed."""
        from airflow_provider_damstra.services.ilt_session import update_session

        changes = provided_arguments(self, *_CHANGES)
        return update_session(self.client, ilt_session_id=self.ilt_session_id, changes=changes)


class DamstraCompleteIltSessionOperator(DamstraOperator):
    """Complete an ILT session and its lesson schedules, and return False if it was completed before.

    Calls ``getIltSession`` and, if need be, ``completeIltSession``.

    :param ilt_session_id: the session (templated).
    :param strict: fail if it was completed before.
    """

    template_fields = ("ilt_session_id", "damstra_conn_id")

    def __init__(self, *, ilt_session_id: Id, strict: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_booleans(strict=strict)
        self.ilt_session_id = ilt_session_id
        self.strict = strict

    def _execute(self, context: Context) -> bool:
        """Return whether this step completed it."""
        from airflow_provider_damstra.endpoints import CompleteIltSession
        from airflow_provider_damstra.services.ilt_session import end

        return end(self.client, CompleteIltSession(ilt_session_id=self.ilt_session_id), strict=self.strict)


class DamstraCancelIltSessionOperator(DamstraOperator):
    """Cancel an ILT session, and return False if it was cancelled before.

    Calls ``getIltSession`` and, if need be, ``cancelIltSession``.

    :param ilt_session_id: the session (templated).
    :param notify_trainees: let Damstra tell the trainees.
    :param notify_instructor: let Damstra tell the instructor.
    :param strict: fail if it was cancelled before.
    """

    template_fields = ("ilt_session_id", "damstra_conn_id")

    def __init__(
        self,
        *,
        ilt_session_id: Id,
        notify_trainees: bool = True,
        notify_instructor: bool = True,
        strict: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        validate_booleans(notify_trainees=notify_trainees, notify_instructor=notify_instructor, strict=strict)
        self.ilt_session_id = ilt_session_id
        self.notify_trainees = notify_trainees
        self.notify_instructor = notify_instructor
        self.strict = strict

    def _execute(self, context: Context) -> bool:
        """Return whether this step cancelled it."""
        from airflow_provider_damstra.endpoints import CancelIltSession
        from airflow_provider_damstra.services.ilt_session import end

        wanted = CancelIltSession(
            ilt_session_id=self.ilt_session_id,
            ilt_session_cancellation_trainee_notification_enabled=self.notify_trainees,
            ilt_session_cancellation_instructor_notification_enabled=self.notify_instructor,
        )
        return end(self.client, wanted, strict=self.strict)


class _RegistrationOperator(UserListMixin):
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
        validate_booleans(strict=strict)
        self.ilt_session_id = ilt_session_id
        self.strict = strict

    def _execute(self, context: Context) -> list[int]:
        """Return for whom something changed."""
        from airflow_provider_damstra import endpoints
        from airflow_provider_damstra.services.idempotency import format_ids
        from airflow_provider_damstra.services.ilt_session import change_registration

        endpoint = getattr(endpoints, self.endpoint_name)
        wanted = endpoint(ilt_session_id=self.ilt_session_id, user_ids=self.user_ids)
        changed = change_registration(self.client, wanted, strict=self.strict)
        self.log.info(
            "ILT session %s: %s for users %s", self.ilt_session_id, self.endpoint_name, format_ids(changed)
        )
        return changed


class DamstraRegisterIltSessionUsersOperator(_RegistrationOperator, RollbackOnKillMixin):
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
        validate_exactly_one(progress=progress, user_ids=user_ids)
        self.ilt_session_id = ilt_session_id
        self.progress = progress
        self.user_ids = user_ids

    def _execute(self, context: Context) -> int:
        """Return how many attendees' records changed."""
        from airflow_provider_damstra.services.ilt_session import Attendance, save_progress

        attendance = Attendance(
            ilt_session_id=self.ilt_session_id, progress=self.progress, user_ids=self.user_ids
        )
        changed = save_progress(self.client, attendance)
        self.log.info("ILT session %s: %d records of attendance changed", self.ilt_session_id, changed)
        return changed
