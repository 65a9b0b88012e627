"""Handlers of ILT (instructor-led training) sessions and their attendees."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.emulator import clock, lesson_schedule_repository
from airflow_provider_damstra.emulator.api_errors import TOKEN_NOT_VALID, bad_request, conflict, not_found
from airflow_provider_damstra.emulator.routing import operation
from airflow_provider_damstra.emulator.store import where_clause
from airflow_provider_damstra.models.ilt_session import (
    IltSession,
    IltSessionAttendee,
    IltSessionState,
    IltSessionStateName,
    IltSessionStatus,
)
from airflow_provider_damstra.models.user import ClientStatus, Role

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page

_STATE = "CASE WHEN :now < s.starts_at THEN 1 WHEN :now < s.ends_at THEN 2 ELSE 3 END"
_JOINS = "FROM ilt_sessions s JOIN users i ON i.id = s.instructor_id"
# The fields of a session in a listing and in the response to its creation.
_COLUMNS = """
    s.id, s.status_id, s.instructor_id,
    i.first_name AS instructor_first_name, i.last_name AS instructor_last_name, s.lesson_id,
    s.notes, s.number_of_places, s.start_datetime, s.end_datetime, s.location, s.created_date, s.modified_date
"""
# The fields of a session that is requested by id.
_DETAILS = f"""
    SELECT s.id, s.status_id, s.instructor_id, s.lesson_id, v.name AS lesson_name, l.instructor_led, s.notes,
        count(a.id) AS number_of_attendees, s.number_of_places, s.start_datetime, s.end_datetime, s.location,
        {_STATE} AS state, coalesce(round(100.0 * avg(a.attended), 1), 0) AS attendance_rate,
        coalesce(round(100.0 * avg(a.passed), 1), 0) AS pass_rate,
        s.ilt_session_cancellation_trainee_notification_enabled,
        s.ilt_session_cancellation_instructor_notification_enabled,
        s.created_date, s.modified_date
    FROM ilt_sessions s
    LEFT JOIN lessons l ON l.id = s.lesson_id
    LEFT JOIN lesson_versions v ON v.lesson_id = s.lesson_id AND v.status = 'active'
    LEFT JOIN ilt_attendees a ON a.session_id = s.id
    WHERE s.id = :id GROUP BY s.id
"""
_ATTENDEE_COLUMNS = """
    a.id, a.user_id, a.session_id, a.lesson_schedule_id, u.user_name, u.first_name, u.last_name,
    a.registering_user_id, r.first_name AS registering_user_first_name,
    r.last_name AS registering_user_last_name, a.passed, a.attended, a.created_date, a.modified_date
"""


@operation(endpoints.ListIltSessions, invalid_key_body=TOKEN_NOT_VALID)
def list_sessions(call: endpoints.ListIltSessions, uow: UnitOfWork) -> Page[IltSession]:
    """Return a page of the sessions that match all given parameters."""
    attendance = "SELECT 1 FROM ilt_attendees WHERE session_id = s.id AND lesson_schedule_id = :schedule"
    where, params = where_clause(
        {
            f"EXISTS ({attendance})": call.lesson_schedule_id,
            f"{_STATE} = :state": call.state,
            "s.status_id = :status": call.status,
            "s.instructor_id = :instructor": call.instructor_id,
        }
    )
    params["now"] = uow.timestamp
    from_clause = f"{_JOINS} WHERE {where}"
    rows = uow.fetch_page(_COLUMNS, from_clause, params, order_by="s.id")
    # Not the cached count: the state depends on the time.
    total = uow.store.fetch_value(f"SELECT count(*) {from_clause}", params)
    return uow.build_page([IltSession(**_local_fields(row)) for row in rows], total)


@operation(endpoints.GetIltSession, invalid_key_body=TOKEN_NOT_VALID)
def get_session(call: endpoints.GetIltSession, uow: UnitOfWork) -> IltSession:
    """Return a session with its state and rates."""
    return _get_session(uow, call.ilt_session_id)


@operation(endpoints.CreateIltSession)
def create_session(call: endpoints.CreateIltSession, uow: UnitOfWork) -> IltSession:
    """Create an active session with unlimited places."""
    _require_instructor(uow, call.instructor_id)
    if call.lesson_id is not None:
        uow.get_or_404("lessons", call.lesson_id)
        sql = "SELECT 1 FROM lesson_versions WHERE lesson_id = ? AND status = 'active'"
        if not uow.store.fetch_value(sql, [call.lesson_id]):
            raise bad_request(f"lessonId: lesson {call.lesson_id} is not active")
    session_id = uow.insert(
        "ilt_sessions",
        lesson_id=call.lesson_id,
        instructor_id=call.instructor_id,
        location=call.location,
        notes=call.notes,
        start_datetime=clock.format_local_milliseconds(call.start_datetime),
        end_datetime=clock.format_local_milliseconds(call.end_datetime),
        starts_at=clock.format_utc_milliseconds(call.start_datetime),
        ends_at=clock.format_utc_milliseconds(call.end_datetime),
    )
    row = uow.store.fetch_all(f"SELECT {_COLUMNS} {_JOINS} WHERE s.id = ?", [session_id])[0]
    return IltSession(**_local_fields(row))


@operation(endpoints.UpdateIltSession)
def update_session(call: endpoints.UpdateIltSession, uow: UnitOfWork) -> IltSession:
    """Update a session; status 2 or 3 completes or cancels it."""
    session = _get_session(uow, call.ilt_session_id)
    _require_instructor(uow, call.instructor_id)
    attendees = session.number_of_attendees or 0
    if call.number_of_places is not None and call.number_of_places < attendees:
        raise conflict(f"numberOfPlaces: {attendees} users are registered already")
    changeable = {"instructor_id", "location", "notes", "number_of_places"}
    uow.update("ilt_sessions", call.ilt_session_id, **call.model_dump(include=changeable, exclude_none=True))
    if call.status_id is not None and call.status_id != session.status_id:
        _close(uow, call.ilt_session_id, call.status_id)
    return _get_session(uow, call.ilt_session_id)


@operation(endpoints.CompleteIltSession)
def complete_session(call: endpoints.CompleteIltSession, uow: UnitOfWork) -> None:
    """Complete a session and the schedules of the attendees who passed."""
    _close(uow, call.ilt_session_id, IltSessionStatus.COMPLETED)


@operation(endpoints.CancelIltSession)
def cancel_session(call: endpoints.CancelIltSession, uow: UnitOfWork) -> None:
    """Cancel a session; the schedules of its attendees stay open."""
    _close(uow, call.ilt_session_id, IltSessionStatus.CANCELLED)
    uow.update("ilt_sessions", call.ilt_session_id, **call.model_dump(exclude={"ilt_session_id"}))


@operation(endpoints.BulkRegisterIltSession)
def register_users(call: endpoints.BulkRegisterIltSession, uow: UnitOfWork) -> None:
    """Register all users or none; users who are registered already stay so.

    Each new one needs an open schedule for the session's lesson and a free place.
    """
    session = _get_active(uow, call.ilt_session_id)
    uow.require_users(call.user_ids)
    sql = "SELECT user_id FROM ilt_attendees WHERE session_id = ?"
    registered = {row["user_id"] for row in uow.store.fetch_all(sql, [session["id"]])}
    new = [user_id for user_id in call.user_ids if user_id not in registered]
    schedules = {user_id: _find_open_schedule_id(uow, user_id, session["lesson_id"]) for user_id in new}
    unscheduled = [str(user_id) for user_id, schedule_id in schedules.items() if schedule_id is None]
    if unscheduled:
        ids = ", ".join(unscheduled)
        raise bad_request(f"userIds: without an open schedule for the session's lesson: {ids}")
    places = session["number_of_places"]
    if places is not None and len(registered) + len(new) > places:
        free = places - len(registered)
        raise conflict(f"ILT session {session['id']} has {free} free of {places} places, not {len(new)}")
    for user_id, schedule_id in schedules.items():
        uow.insert(
            "ilt_attendees",
            session_id=session["id"],
            user_id=user_id,
            lesson_schedule_id=schedule_id,
            registering_user_id=uow.acting_user_id,
        )


@operation(endpoints.BulkDeregisterIltSession)
def deregister_users(call: endpoints.BulkDeregisterIltSession, uow: UnitOfWork) -> None:
    """Deregister users; users who are not registered are ignored."""
    _get_active(uow, call.ilt_session_id)
    uow.require_users(call.user_ids)
    for user_id in call.user_ids:
        uow.delete("ilt_attendees", session_id=call.ilt_session_id, user_id=user_id)


@operation(endpoints.ListIltSessionAttendees, invalid_key_body=TOKEN_NOT_VALID)
def list_attendees(call: endpoints.ListIltSessionAttendees, uow: UnitOfWork) -> Page[IltSessionAttendee]:
    """Return a page of a session's attendees."""
    uow.get_or_404("ilt_sessions", call.ilt_session_id)
    from_clause = """
        FROM ilt_attendees a JOIN users u ON u.id = a.user_id JOIN users r ON r.id = a.registering_user_id
        WHERE a.session_id = :session_id
    """
    params = {"session_id": call.ilt_session_id}
    rows = uow.fetch_page(_ATTENDEE_COLUMNS, from_clause, params, order_by="a.id")
    attendees = [IltSessionAttendee(**_local_fields(row)) for row in rows]
    return uow.build_page(attendees, uow.store.count(from_clause, params))


@operation(endpoints.SaveIltSessionProgress)
def save_progress(call: endpoints.SaveIltSessionProgress, uow: UnitOfWork) -> None:
    """Record who attended and who passed; fields that are not given stay."""
    _get_active(uow, call.ilt_session_id)
    sql = "SELECT id FROM ilt_attendees WHERE session_id = ?"
    known = {row["id"] for row in uow.store.fetch_all(sql, [call.ilt_session_id])}
    unknown = [attendee.id for attendee in call.attendees if attendee.id not in known]
    if unknown:
        raise not_found(f"Attendee of session {call.ilt_session_id}", unknown)
    for attendee in call.attendees:
        uow.update("ilt_attendees", attendee.id, **attendee.model_dump(exclude={"id"}, exclude_none=True))


def _get_session(uow: UnitOfWork, session_id: int) -> IltSession:
    """Return a session with its state and rates."""
    uow.get_or_404("ilt_sessions", session_id)
    row = uow.store.fetch_all(_DETAILS, {"id": session_id, "now": uow.timestamp})[0]
    state = IltSessionStateName[IltSessionState(row["state"]).name]
    return IltSession(**{**_local_fields(row), "state": state})


def _get_active(uow: UnitOfWork, session_id: int) -> sqlite3.Row:
    """Return the row of an active session.

    :raises ApiError: 404 if it does not exist, 409 if it is completed or cancelled.
    """
    row = uow.get_or_404("ilt_sessions", session_id)
    if row["status_id"] != IltSessionStatus.ACTIVE:
        status = IltSessionStatus(row["status_id"]).name.lower()
        raise conflict(f"ILT session {session_id} is {status} already")
    return row


def _require_instructor(uow: UnitOfWork, user_id: int) -> None:
    """Check that a user is an active instructor."""
    user = uow.get_or_404("users", user_id)
    sql = "SELECT 1 FROM user_roles WHERE user_id = ? AND role_id = ?"
    is_instructor = uow.store.fetch_value(sql, [user_id, Role.INSTRUCTOR])
    if user["client_status_id"] != ClientStatus.ACTIVE or not is_instructor:
        raise bad_request(f"instructorId: user {user_id} is not an active instructor (role 8)")


def _close(uow: UnitOfWork, session_id: int, status: IltSessionStatus) -> None:
    """Complete or cancel an active session; completing it completes the schedules of those who passed."""
    session = _get_active(uow, session_id)
    uow.update("ilt_sessions", session_id, status_id=status)
    if status == IltSessionStatus.COMPLETED:
        sql = f"""
            SELECT s.id FROM ilt_attendees a JOIN lesson_schedules s ON s.id = a.lesson_schedule_id
            WHERE a.session_id = ? AND a.passed AND {lesson_schedule_repository.IS_OPEN} ORDER BY a.id
        """
        for row in uow.store.fetch_all(sql, [session_id]):
            lesson_schedule_repository.complete(uow, row["id"], recorded_by=session["instructor_id"])


def _find_open_schedule_id(uow: UnitOfWork, user_id: int, lesson_id: int | None) -> int | None:
    sql = f"""
        SELECT min(s.id) FROM lesson_schedules s JOIN lesson_versions v ON v.id = s.lesson_version_id
        WHERE s.user_id = ? AND v.lesson_id = ? AND {lesson_schedule_repository.IS_OPEN}
    """
    schedule_id: int | None = uow.store.fetch_value(sql, [user_id, lesson_id])
    return schedule_id


def _local_fields(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row with its dates of creation and modification in the account's time zone."""
    names = ("created_date", "modified_date")
    dates = {name: datetime.fromisoformat(row[name]).astimezone(clock.ACCOUNT_TZINFO) for name in names}
    return {**dict(row), **dates}
