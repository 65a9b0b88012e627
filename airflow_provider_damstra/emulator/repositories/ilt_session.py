"""ILT sessions as they are read from the store, and what can happen to one."""

# ruff: noqa: S608 (tables and columns are named in this package, values are bound)

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator.clock import ACCOUNT_ZONE
from airflow_provider_damstra.emulator.repositories.lesson_schedule import IS_OPEN, complete_schedule
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
# What a listing says of a session; the answer to a creation says the same.
COLUMNS = """
    s.id, s.status_id, s.instructor_id,
    i.first_name AS instructor_first_name, i.last_name AS instructor_last_name, s.lesson_id,
    s.notes, s.number_of_places, s.start_datetime, s.end_datetime, s.location, s.created_date, s.modified_date
"""
# What the answer to the question for one session says.
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


def session_from(row: sqlite3.Row) -> IltSession:
    """Return a row as a session."""
    return IltSession(**{**dict(row), **_dates(row)})


def attendee_from(row: sqlite3.Row) -> IltSessionAttendee:
    """Return a row as an attendee."""
    return IltSessionAttendee(**{**dict(row), **_dates(row)})


def one_session(uow: UnitOfWork, session_id: int) -> IltSession:
    """Return one session with its state and rates, or refuse."""
    need_session(uow, session_id)
    row = uow.store.fetch_all(_DETAILS, {"id": session_id, "now": uow.at})[0]
    members = {**dict(row), **_dates(row)}
    attended, passed = members.pop("attended"), members.pop("passed")
    attendees = row["number_of_attendees"] or 1
    return IltSession(
        **{**members, "state": _STATE_NAMES[IltSessionState(row["state"])]},
        attendance_rate=round(100 * attended / attendees, 1),
        pass_rate=round(100 * passed / attendees, 1),
    )


def need_session(uow: UnitOfWork, session_id: int) -> sqlite3.Row:
    """Return a session's row, or refuse."""
    row = uow.find("ilt_sessions", session_id)
    if row is None:
        raise refusals.not_found("ILT session", [session_id])
    return row


def need_active_session(uow: UnitOfWork, session_id: int) -> sqlite3.Row:
    """Return the row of a session that is neither completed nor cancelled, or refuse."""
    row = need_session(uow, session_id)
    if row["status_id"] != IltSessionStatus.ACTIVE:
        over = IltSessionStatus(row["status_id"]).name.lower()
        raise refusals.conflict(f"ILT session {session_id} is {over} already")
    return row


def need_instructor(uow: UnitOfWork, user_id: int) -> None:
    """Refuse a user who cannot run a session."""
    user = uow.need_user(user_id)
    sql = "SELECT 1 FROM user_roles WHERE user_id = ? AND role_id = ?"
    if user["client_status_id"] != ClientStatus.ACTIVE or not uow.store.fetch_value(
        sql, [user_id, Role.INSTRUCTOR]
    ):
        raise refusals.bad_request(f"instructorId: user {user_id} is not an active instructor (role 8)")


def need_lesson(uow: UnitOfWork, lesson_id: int) -> None:
    """Refuse a lesson that no session can be held for."""
    if uow.find("lessons", lesson_id) is None:
        raise refusals.not_found("Lesson", [lesson_id])
    sql = "SELECT 1 FROM lesson_versions WHERE lesson_id = ? AND status = 'active'"
    if not uow.store.fetch_value(sql, [lesson_id]):
        raise refusals.bad_request(f"lessonId: lesson {lesson_id} is not active")


def register(uow: UnitOfWork, session: sqlite3.Row, user_ids: Iterable[int]) -> None:
    """Register users who are not yet; each needs an open schedule for the lesson, and a free place."""
    sql = "SELECT user_id FROM ilt_attendees WHERE session_id = ?"
    present = {row["user_id"] for row in uow.store.fetch_all(sql, [session["id"]])}
    new = [user_id for user_id in user_ids if user_id not in present]
    schedules = {user_id: _open_schedule_id(uow, user_id, session["lesson_id"]) for user_id in new}
    unscheduled = [user_id for user_id, schedule_id in schedules.items() if schedule_id is None]
    if unscheduled:
        named = ", ".join(map(str, unscheduled))
        raise refusals.bad_request(f"userIds: without an open schedule for the session's lesson: {named}")
    places = session["number_of_places"]
    if places is not None and len(present) + len(new) > places:
        free = places - len(present)
        raise refusals.conflict(
            f"ILT session {session['id']} has {free} free of {places} places, not {len(new)}"
        )
    for user_id, schedule_id in schedules.items():
        uow.insert(
            "ilt_attendees",
            session_id=session["id"],
            user_id=user_id,
            lesson_schedule_id=schedule_id,
            registering_user_id=uow.acting_user_id,
        )


def end_session(uow: UnitOfWork, session_id: int, status: IltSessionStatus) -> None:
    """Complete or cancel an active session, or refuse; a completed one completes who passed."""
    session = need_active_session(uow, session_id)
    uow.update("ilt_sessions", session_id, status_id=status)
    if status == IltSessionStatus.COMPLETED:
        sql = f"""
            SELECT s.id FROM ilt_attendees a JOIN lesson_schedules s ON s.id = a.lesson_schedule_id
            WHERE a.session_id = ? AND a.passed AND {IS_OPEN} ORDER BY a.id
        """
        for row in uow.store.fetch_all(sql, [session_id]):
            complete_schedule(uow, row["id"], by_hand=session["instructor_id"])


def _open_schedule_id(uow: UnitOfWork, user_id: int, lesson_id: int | None) -> int | None:
    sql = f"""
        SELECT min(s.id) FROM lesson_schedules s JOIN lesson_versions v ON v.id = s.lesson_version_id
        WHERE s.user_id = ? AND v.lesson_id = ? AND {IS_OPEN}
    """
    found: int | None = uow.store.fetch_value(sql, [user_id, lesson_id])
    return found


def _dates(row: sqlite3.Row) -> dict[str, datetime]:
    """Return when the row was made and modified, in the zone of the account."""
    names = ("created_date", "modified_date")
    return {name: datetime.fromisoformat(row[name]).astimezone(ACCOUNT_ZONE) for name in names}
