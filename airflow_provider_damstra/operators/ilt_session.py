"""Operators for ILT (instructor-led training) sessions and their attendees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from airflow_provider_damstra.id_arguments import INSTRUCTOR_FIELDS, USER_LIST_FIELDS
from airflow_provider_damstra.operators.base import (
    ADDED_XCOM_KEYS,
    CREATED_XCOM_KEYS,
    ChangeStatusOperator,
    RollbackOnKillMixin,
)
from airflow_provider_damstra.operators.user_arguments import (
    ChangeUsersOperator,
    InstructorMixin,
    OnEmptyMixin,
)
from airflow_provider_damstra.validation import (
    validate_at_least_one,
    validate_at_most_one,
    validate_booleans,
    validate_choice,
    validate_exactly_one,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import (
        AddUsersArguments,
        AttendanceRecords,
        CreateIltSessionArguments,
        Id,
        Ids,
        InstructorArguments,
        OperatorArguments,
        RemoveUsersArguments,
        StrictArguments,
        Text,
        Texts,
        Time,
    )
    from airflow_provider_damstra.endpoints import CancelIltSession


class DamstraCreateIltSessionOperator(InstructorMixin, RollbackOnKillMixin):
    """Return the id of the ILT session of a lesson, time, instructor and location; create it if need be.

    Calls ``listIltSessions`` and, if there is no such session, ``createIltSession``. A retry finds the
    session that an earlier try created by its times: take them from the DAG run, not from ``now()``. A
    cancelled session does not count.

    Pushes the XComs ``created``, whether the task created the session, in this try or an earlier one, and
    ``existing``, the opposite.

    :param lesson_id: id of the instructor-led lesson (templated); or
    :param lesson_name: name of the instructor-led lesson (templated).
    :param start_datetime: start, as a datetime or ISO 8601 text with a time zone (templated).
    :param end_datetime: end, as a datetime or ISO 8601 text with a time zone (templated).
    :param location: where the session takes place (templated).
    :param instructor_id: user id of the instructor (templated); or
    :param instructor_employee_number: employee number of the instructor (templated); or
    :param instructor_email_address: e-mail address of the instructor (templated).
    :param notes: notes for the session (templated).
    :param if_exists: ``return`` an existing session, or ``fail``. A session that an earlier try of the task
        created does not count as existing.
    :param cancel_on_kill: cancel the session without notifications, if this try created it, when the task is
        killed.
    :return: the session's id.
    :raises DamstraConflictError: if the session exists and ``if_exists`` is ``fail``.
    """

    xcom_keys = CREATED_XCOM_KEYS
    template_fields = (
        "lesson_id",
        "lesson_name",
        "start_datetime",
        "end_datetime",
        "location",
        *INSTRUCTOR_FIELDS,
        "notes",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        start_datetime: Time,
        end_datetime: Time,
        location: Text,
        lesson_id: Id | None = None,
        lesson_name: Text | None = None,
        notes: Text | None = None,
        if_exists: Literal["return", "fail"] = "return",
        **kwargs: Unpack[CreateIltSessionArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_choice("if_exists", if_exists, "return", "fail")
        validate_exactly_one(lesson_id=lesson_id, lesson_name=lesson_name)
        validate_exactly_one(**self.instructor)
        self.lesson_id = lesson_id
        self.lesson_name = lesson_name
        self.start_datetime = start_datetime
        self.end_datetime = end_datetime
        self.location = location
        self.notes = notes
        self.if_exists = if_exists

    def _execute(self, context: Context) -> int:
        from airflow_provider_damstra.endpoints import CreateIltSession
        from airflow_provider_damstra.services.ilt_session import get_or_create_ilt_session

        request = CreateIltSession(**self.request_fields(CreateIltSession))
        session, was_created = get_or_create_ilt_session(self.client, request, if_exists=self.if_exists)
        self.log.info("ILT session %d %s", session.id, "created" if was_created else "is there already")
        self.push_xcoms(context, created=was_created, existing=not was_created)
        return session.id


class DamstraUpdateIltSessionOperator(InstructorMixin):
    """Change an ILT session's instructor, location, notes or number of places.

    Calls ``getIltSession`` and, if something differs, ``updateIltSession``, which cannot change the times.
    Fields that are not given keep their values. A retry sends only what still differs.

    :param ilt_session_id: id of the session (templated).
    :param instructor_id: user id of the new instructor (templated); or
    :param instructor_employee_number: employee number of the new instructor (templated); or
    :param instructor_email_address: e-mail address of the new instructor (templated).
    :param location: new location (templated).
    :param notes: new notes (templated).
    :param number_of_places: new number of places (templated).
    :return: whether the task changed the session, in this try or an earlier one.
    """

    template_fields = (
        "ilt_session_id",
        *INSTRUCTOR_FIELDS,
        "location",
        "notes",
        "number_of_places",
        "damstra_conn_id",
    )

    def __init__(
        self,
        *,
        ilt_session_id: Id,
        location: Text | None = None,
        notes: Text | None = None,
        number_of_places: Id | None = None,
        **kwargs: Unpack[InstructorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_at_most_one(**self.instructor)
        validate_at_least_one(
            **self.instructor, location=location, notes=notes, number_of_places=number_of_places
        )
        self.ilt_session_id = ilt_session_id
        self.location = location
        self.notes = notes
        self.number_of_places = number_of_places

    def _execute(self, context: Context) -> bool:
        from airflow_provider_damstra.endpoints import UpdateIltSession
        from airflow_provider_damstra.services.ilt_session import update_ilt_session

        return update_ilt_session(self.client, self.request_fields(UpdateIltSession))


class DamstraCompleteIltSessionOperator(ChangeStatusOperator):
    """Complete an ILT session and its lesson schedules.

    Calls ``getIltSession`` and, if the session is not completed, ``completeIltSession``. A retry finds out
    whether an earlier try did it.

    :param ilt_session_id: id of the session (templated).
    :param strict: fail if the session was completed before this task.
    :return: whether the task completed it, in this try or an earlier one.
    :raises DamstraConflictError: if the session is cancelled, or was completed before and ``strict``.
    """

    endpoint_name = "CompleteIltSession"
    template_fields = ("ilt_session_id", "damstra_conn_id")

    def __init__(self, *, ilt_session_id: Id, **kwargs: Unpack[StrictArguments]) -> None:
        super().__init__(**kwargs)
        self.ilt_session_id = ilt_session_id


class DamstraCancelIltSessionOperator(ChangeStatusOperator):
    """Cancel an ILT session.

    Calls ``getIltSession`` and, if the session is not cancelled, ``cancelIltSession``. A retry finds out
    whether an earlier try did it.

    :param ilt_session_id: id of the session (templated).
    :param notify_trainees: have Damstra notify the trainees.
    :param notify_instructor: have Damstra notify the instructor.
    :param strict: fail if the session was cancelled before this task.
    :return: whether the task cancelled it, in this try or an earlier one.
    :raises DamstraConflictError: if the session is completed, or was cancelled before and ``strict``.
    """

    template_fields = ("ilt_session_id", "damstra_conn_id")

    def __init__(
        self,
        *,
        ilt_session_id: Id,
        notify_trainees: bool = True,
        notify_instructor: bool = True,
        **kwargs: Unpack[StrictArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_booleans(notify_trainees=notify_trainees, notify_instructor=notify_instructor)
        self.ilt_session_id = ilt_session_id
        self.notify_trainees = notify_trainees
        self.notify_instructor = notify_instructor

    def create_request(self) -> CancelIltSession:
        """Return the request."""
        from airflow_provider_damstra.endpoints import CancelIltSession

        return CancelIltSession(
            **self.request_fields(CancelIltSession),
            ilt_session_cancellation_trainee_notification_enabled=self.notify_trainees,
            ilt_session_cancellation_instructor_notification_enabled=self.notify_instructor,
        )


class _AttendeesOperator(ChangeUsersOperator):
    """Base of the operators that register or deregister attendees."""

    template_fields = ("ilt_session_id", *USER_LIST_FIELDS, "damstra_conn_id")

    def __init__(self, *, ilt_session_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ilt_session_id = ilt_session_id


class DamstraRegisterIltSessionUsersOperator(_AttendeesOperator, RollbackOnKillMixin):
    """Register users for an ILT session. They must be scheduled to the session's lesson.

    Calls ``listIltSessionAttendees`` and, for the users who are not registered, ``bulkRegisterIltSession``. A
    retry registers only users who are still missing.

    Pushes the XComs ``added``, which is the result, and ``existing``: ids of the users who were registered
    before.

    :param ilt_session_id: id of the session (templated).
    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param on_empty: ``fail``, or ``skip`` the task, if there are no users.
    :param strict: fail without registering any user if some users were registered before this task.
    :param cancel_on_kill: deregister the users that this try registered, when the task is killed.
    :return: ids of the users that the task registered, in this try or an earlier one.
    :raises DamstraConflictError: if some were registered before, and ``strict``.
    """

    xcom_keys = ADDED_XCOM_KEYS
    endpoint_name = "BulkRegisterIltSession"

    def __init__(self, *, ilt_session_id: Id, **kwargs: Unpack[AddUsersArguments]) -> None:
        super().__init__(ilt_session_id=ilt_session_id, **kwargs)


class DamstraDeregisterIltSessionUsersOperator(_AttendeesOperator):
    """Deregister users from an ILT session.

    Calls ``listIltSessionAttendees`` and, for the users who are registered, ``bulkDeregisterIltSession``. A
    retry deregisters only users who are still registered.

    :param ilt_session_id: id of the session (templated).
    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param on_empty: ``fail``, or ``skip`` the task, if there are no users.
    :param strict: fail without deregistering any user if some users were not registered before this task.
    :return: ids of the users that the task deregistered, in this try or an earlier one.
    :raises DamstraConflictError: if some were not registered before, and ``strict``.
    """

    endpoint_name = "BulkDeregisterIltSession"

    def __init__(self, *, ilt_session_id: Id, **kwargs: Unpack[RemoveUsersArguments]) -> None:
        super().__init__(ilt_session_id=ilt_session_id, **kwargs)


class DamstraSaveIltSessionProgressOperator(OnEmptyMixin):
    """Record which users attended an ILT session and which passed.

    Calls ``listIltSessionAttendees`` and, if something differs, ``saveIltSessionProgress``. A retry records
    only what still differs.

    :param ilt_session_id: id of the session (templated).
    :param progress: the records by user id, such as ``{7: {"attended": True, "passed": True}}``; a missing
        value is not changed (templated); or
    :param user_ids: ids of users who attended and passed: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of these users (templated); or
    :param email_addresses: e-mail addresses of these users (templated).
    :param on_empty: ``fail``, or ``skip`` the task, if there are no records or no users.
    :return: the number of attendees whose records the task changed, in this try or an earlier one.
    :raises DamstraNotFoundError: if users are not registered; nothing is recorded then.
    """

    template_fields = ("ilt_session_id", "progress", *USER_LIST_FIELDS, "damstra_conn_id")

    def __init__(
        self,
        *,
        ilt_session_id: Id,
        progress: AttendanceRecords | None = None,
        user_ids: Ids | None = None,
        employee_numbers: Ids | None = None,
        email_addresses: Texts | None = None,
        on_empty: Literal["fail", "skip"] = "fail",
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(on_empty=on_empty, **kwargs)
        validate_exactly_one(
            progress=progress,
            user_ids=user_ids,
            employee_numbers=employee_numbers,
            email_addresses=email_addresses,
        )
        self.ilt_session_id = ilt_session_id
        self.progress = progress
        self.user_ids = user_ids
        self.employee_numbers = employee_numbers
        self.email_addresses = email_addresses

    def _execute(self, context: Context) -> int:
        from airflow_provider_damstra.services.ilt_session import Attendance, save_progress

        self.validate_not_empty("progress", *USER_LIST_FIELDS)
        changed = save_progress(self.client, Attendance(**self.request_fields(Attendance)))
        self.log.info("ILT session %s: %d records of attendance changed", self.ilt_session_id, changed)
        return changed
