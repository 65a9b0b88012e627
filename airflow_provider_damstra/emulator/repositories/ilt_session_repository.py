"""Queries and changes of ILT (instructor-led training) sessions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.api_errors import bad_request, conflict
from airflow_provider_damstra.emulator.clock import ACCOUNT_TZINFO
from airflow_provider_damstra.emulator.repositories import lesson_schedule_repository
from airflow_provider_damstra.emulator.repositories.lesson_schedule_repository import IS_OPEN
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
    from collections.abc import Iterable

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork

STATE = "CASE WHEN :now < s.starts_at THEN 1 WHEN :now < s.ends_at THEN 2 ELSE 3 END"
JOINS = "FROM ilt_sessions s JOIN users i ON i.id = s.instructor_id"
# The fields of a session in a listing and in the response to its creation.
COLUMNS = """
    s.id, s.status_id, s.instructor_id,
    i.first_name AS instructor_first_name, i.last_name AS instructor_last_name, s.lesson_id,
    s.notes, s.number_of_places, s.start_datetime, s.end_datetime, s.location, s.created_date, s.modified_date
"""
# The fields of a session that is requested by id.
_DETAILS = f"""
    SELECT s.id, s.status_id, s.instructor_id, s.lesson_id, v.name AS lesson_name, l.instructor_led, s.notes,
        count(a.id) AS number_of_attendees, s.number_of_places, s.start_datetime, s.end_datetime, s.location,
        {STATE} AS state, total(a.attended) AS attended, total(a.passed) AS passed,
        s.ilt_session_cancellation_trainee_notification_enabled,
        s.ilt_session_cancellation_instructor_notification_enabled,
        s.created_date, s.modified_date
    FROM ilt_sessions s
    LEFT JOIN lessons l ON l.id = s.lesson_id
    LEFT JOIN lesson_versions v ON v.lesson_id = s.lesson_id AND v.status = 'active'
    LEFT JOIN ilt_attendees a ON a.session_id = s.id
    WHERE s.id = :id GROUP BY s.id
"""
ATTENDEE_COLUMNS = """
    a.id, a.user_id, a.session_id, a.lesson_schedule_id, u.user_name, u.first_name, u.last_name,
    a.registering_user_id, r.first_name AS registering_user_first_name,
    r.last_name AS registering_user_last_name, a.passed, a.attended, a.created_date, a.modified_date
"""
_STATE_NAMES = {
    IltSessionState.UPCOMING: IltSessionStateName.UPCOMING,
    IltSessionState.IN_PROGRESS: IltSessionStateName.IN_PROGRESS,
    IltSessionState.PAST: IltSessionStateName.PAST,
}


def session_from_row(row: sqlite3.Row) -> IltSession:
    """Return a row of ``COLUMNS`` as a model."""
    return IltSession(**{**dict(row), **_local_dates(row)})


def attendee_from_row(row: sqlite3.Row) -> IltSessionAttendee:
    """Return a row of ``ATTENDEE_COLUMNS`` as a model."""
    return IltSessionAttendee(**{**dict(row), **_local_dates(row)})


def get_or_404(uow: UnitOfWork, session_id: int) -> IltSession:
    """Return a session with its state and rates."""
    uow.get_or_404("ilt_sessions", session_id)
    row = uow.store.fetch_all(_DETAILS, {"id": session_id, "now": uow.timestamp})[0]
    fields = {**dict(row), **_local_dates(row)}
    attended, passed = fields.pop("attended"), fields.pop("passed")
    attendees = row["number_of_attendees"] or 1
    return IltSession(
        **{**fields, "state": _STATE_NAMES[IltSessionState(row["state"])]},
        attendance_rate=round(100 * attended / attendees, 1),
        pass_rate=round(100 * passed / attendees, 1),
    )


def get_active(uow: UnitOfWork, session_id: int) -> sqlite3.Row:
    """Return the row of an active session.

    :raises ApiError: 404 if it does not exist, 409 if it is completed or cancelled.
    """
    row = uow.get_or_404("ilt_sessions", session_id)
    if row["status_id"] != IltSessionStatus.ACTIVE:
        status = IltSessionStatus(row["status_id"]).name.lower()
        raise conflict(f"ILT session {session_id} is {status} already")
    return row


def require_instructor(uow: UnitOfWork, user_id: int) -> None:
    """Check that a user is an active instructor."""
    user = uow.get_or_404("users", user_id)
    sql = "SELECT 1 FROM user_roles WHERE user_id = ? AND role_id = ?"
    is_instructor = uow.store.fetch_value(sql, [user_id, Role.INSTRUCTOR])
    if user["client_status_id"] != ClientStatus.ACTIVE or not is_instructor:
        raise bad_request(f"instructorId: user {user_id} is not an active instructor (role 8)")


def require_active_lesson(uow: UnitOfWork, lesson_id: int) -> None:
    """Check that a lesson has an active version."""
    uow.get_or_404("lessons", lesson_id)
    sql = "SELECT 1 FROM lesson_versions WHERE lesson_id = ? AND status = 'active'"
    if not uow.store.fetch_value(sql, [lesson_id]):
        raise bad_request(f"lessonId: lesson {lesson_id} is not active")


def register(uow: UnitOfWork, session: sqlite3.Row, user_ids: Iterable[int]) -> None:
    """Register users who are not registered yet.

    :raises ApiError: 400 if one has no open schedule for the lesson, 409 if there are too few free places.
    """
    sql = "SELECT user_id FROM ilt_attendees WHERE session_id = ?"
    registered = {row["user_id"] for row in uow.store.fetch_all(sql, [session["id"]])}
    new = [user_id for user_id in user_ids if user_id not in registered]
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


def close(uow: UnitOfWork, session_id: int, status: IltSessionStatus) -> None:
    """Complete or cancel an active session; completing it completes the schedules of those who passed."""
    session = get_active(uow, session_id)
    uow.update("ilt_sessions", session_id, status_id=status)
    if status == IltSessionStatus.COMPLETED:
        sql = f"""
            SELECT s.id FROM ilt_attendees a JOIN lesson_schedules s ON s.id = a.lesson_schedule_id
            WHERE a.session_id = ? AND a.passed AND {IS_OPEN} ORDER BY a.id
        """
        for row in uow.store.fetch_all(sql, [session_id]):
            lesson_schedule_repository.complete(uow, row["id"], recorded_by=session["instructor_id"])


def _find_open_schedule_id(uow: UnitOfWork, user_id: int, lesson_id: int | None) -> int | None:
    sql = f"""
        SELECT min(s.id) FROM lesson_schedules s JOIN lesson_versions v ON v.id = s.lesson_version_id
        WHERE s.user_id = ? AND v.lesson_id = ? AND {IS_OPEN}
    """
    schedule_id: int | None = uow.store.fetch_value(sql, [user_id, lesson_id])
    return schedule_id


def _local_dates(row: sqlite3.Row) -> dict[str, datetime]:
    """Return the dates of creation and modification, in the account's time zone."""
    names = ("created_date", "modified_date")
    return {name: datetime.fromisoformat(row[name]).astimezone(ACCOUNT_TZINFO) for name in names}
