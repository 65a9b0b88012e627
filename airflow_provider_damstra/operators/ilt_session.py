"""Operators for ILT (instructor-led training) sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.operators.arguments import exactly_one
from airflow_provider_damstra.operators.base import DamstraOperator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_damstra.operators.arguments import Id, Ids


class DamstraCreateIltSessionOperator(DamstraOperator):
    """Return the id of the ILT session of that lesson, time, instructor and place, created if need be.

    Calls ``listIltSessions`` and, if need be, ``createIltSession``.

    :param lesson_id: the instructor-led lesson (templated).
    :param start_datetime: when it starts, with a time zone (templated).
    :param end_datetime: when it ends, with a time zone (templated).
    :param location: where it takes place (templated).
    :param instructor_id: user id of the instructor (templated).
    :param notes: notes for the session (templated).
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lesson_id = lesson_id
        self.start_datetime = start_datetime
        self.end_datetime = end_datetime
        self.location = location
        self.instructor_id = instructor_id
        self.notes = notes

    def act(self, context: Context) -> int:
        """Return the session's id."""
        from airflow_provider_damstra.actions.ilt_sessions import ensure_session
        from airflow_provider_damstra.endpoints import CreateIltSession

        wanted = CreateIltSession(
            lesson_id=self.lesson_id,
            start_datetime=self.start_datetime,
            end_datetime=self.end_datetime,
            location=self.location,
            instructor_id=self.instructor_id,
            notes=self.notes,
        )
        session, was_created = ensure_session(self.hook, wanted)
        self.log.info("ILT session %d %s", session.id, "created" if was_created else "is there already")
        return session.id


class DamstraRegisterIltSessionUsersOperator(DamstraOperator):
    """Register users for an ILT session, and return the ids of those who were not registered before.

    The users must be scheduled to the session's lesson. Calls ``listIltSessionAttendees`` and, if somebody is
    missing, ``bulkRegisterIltSession``.

    :param ilt_session_id: the session (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    """

    template_fields = ("ilt_session_id", "user_ids", "damstra_conn_id")

    def __init__(self, *, ilt_session_id: Id, user_ids: Ids, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ilt_session_id = ilt_session_id
        self.user_ids = user_ids

    def act(self, context: Context) -> list[int]:
        """Return who was registered."""
        from airflow_provider_damstra.actions.ilt_sessions import register
        from airflow_provider_damstra.endpoints import BulkRegisterIltSession

        return register(
            self.hook, BulkRegisterIltSession(ilt_session_id=self.ilt_session_id, user_ids=self.user_ids)
        )


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
        from airflow_provider_damstra.actions.ilt_sessions import Attendance, save_progress

        attendance = Attendance(
            ilt_session_id=self.ilt_session_id, progress=self.progress, user_ids=self.user_ids
        )
        changed = save_progress(self.hook, attendance)
        self.log.info("ILT session %s: %d records of attendance changed", self.ilt_session_id, changed)
        return changed


class DamstraCompleteIltSessionOperator(DamstraOperator):
    """Complete an ILT session and its lesson schedules, and return False if it was completed before.

    Calls ``completeIltSession``, and ``getIltSession`` where the answer leaves doubt.

    :param ilt_session_id: the session (templated).
    """

    template_fields = ("ilt_session_id", "damstra_conn_id")

    def __init__(self, *, ilt_session_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ilt_session_id = ilt_session_id

    def act(self, context: Context) -> bool:
        """Return whether this step completed it."""
        from airflow_provider_damstra.actions.ilt_sessions import complete
        from airflow_provider_damstra.endpoints import CompleteIltSession

        return complete(self.hook, CompleteIltSession(ilt_session_id=self.ilt_session_id))
