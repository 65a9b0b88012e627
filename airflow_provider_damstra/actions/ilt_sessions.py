"""ILT sessions: created once, the right people registered, attendance recorded, completed once."""

from __future__ import annotations

import logging

from airflow_provider_damstra.actions.caller import Caller, call_until_done, create_unless_found
from airflow_provider_damstra.endpoints.base import Arguments
from airflow_provider_damstra.endpoints.ilt_session import (
    AttendeeProgress,
    BulkRegisterIltSession,
    CompleteIltSession,
    CreateIltSession,
    GetIltSession,
    ListIltSessionAttendees,
    ListIltSessions,
    SaveIltSessionProgress,
)
from airflow_provider_damstra.endpoints.types import Identifier, SomeIdentifiers
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.ilt_session import IltSession, IltSessionAttendee, IltSessionStatus

log = logging.getLogger(__name__)


def find_session(caller: Caller, wanted: CreateIltSession) -> IltSession | None:
    """Return the active session of the same lesson, times, instructor and location, or None."""
    sessions = caller.iterate(
        ListIltSessions(instructor_id=wanted.instructor_id, status=IltSessionStatus.ACTIVE)
    )
    return next((session for session in sessions if _is_same(session, wanted)), None)


def ensure_session(caller: Caller, wanted: CreateIltSession) -> tuple[IltSession, bool]:
    """Return the session that is wanted, and whether it was created here."""
    return create_unless_found(caller, wanted, find=lambda: find_session(caller, wanted))


def register(caller: Caller, wanted: BulkRegisterIltSession) -> list[int]:
    """Register who is not registered yet, and return their user ids."""
    present = attendees(caller, wanted.ilt_session_id)
    missing = tuple(user_id for user_id in wanted.user_ids if user_id not in present)
    log.info(
        "%d of %d users are registered already.", len(wanted.user_ids) - len(missing), len(wanted.user_ids)
    )
    if missing:
        call_until_done(
            caller,
            wanted.model_copy(update={"user_ids": missing}),
            is_done=lambda: set(missing) <= attendees(caller, wanted.ilt_session_id).keys(),
        )
    return list(missing)


def attendees(caller: Caller, ilt_session_id: int) -> dict[int, IltSessionAttendee]:
    """Return who is registered, by user id."""
    rows = caller.iterate(ListIltSessionAttendees(ilt_session_id=ilt_session_id))
    return {row.user_id: row for row in rows if row.user_id is not None}


class AttendanceRecord(Arguments):
    """What is recorded of one user."""

    attended: bool | None = None
    passed: bool | None = None


class Attendance(Arguments):
    """Who attended a session and who passed, by user id, or as a list of users who did both."""

    ilt_session_id: Identifier
    progress: dict[Identifier, AttendanceRecord] | None = None
    user_ids: SomeIdentifiers | None = None

    def records(self) -> dict[int, AttendanceRecord]:
        """Return what is recorded, by user id."""
        did_both = AttendanceRecord(attended=True, passed=True)
        return self.progress or dict.fromkeys(self.user_ids or (), did_both)


def save_progress(caller: Caller, attendance: Attendance) -> int:
    """Record attendance, and return how many attendees' records changed.

    :raises DamstraNotFoundError: naming the users who are not registered; nothing is recorded then.
    """
    present = attendees(caller, attendance.ilt_session_id)
    records = attendance.records()
    strangers = sorted(records.keys() - present.keys())
    if strangers:
        raise DamstraNotFoundError(
            f"ILT session {attendance.ilt_session_id}: users {', '.join(map(str, strangers))} are not "
            "registered, so nobody's attendance was recorded. Register them first."
        )
    wanted = {present[user_id].id: record for user_id, record in records.items()}
    changes = {
        one.id: wanted[one.id]
        for one in present.values()
        if one.id in wanted and not _has(one, wanted[one.id])
    }
    if changes:
        call = SaveIltSessionProgress(
            ilt_session_id=attendance.ilt_session_id,
            attendees=tuple(
                AttendeeProgress(id=attendee_id, attended=record.attended, passed=record.passed)
                for attendee_id, record in changes.items()
            ),
        )
        call_until_done(caller, call, is_done=lambda: _is_recorded(caller, call))
    return len(changes)


def complete(caller: Caller, call: CompleteIltSession) -> bool:
    """Complete a session, and return False if it was completed before."""
    question = GetIltSession(ilt_session_id=call.ilt_session_id)
    return call_until_done(caller, call, is_done=lambda: caller.call(question).is_completed)


def _is_recorded(caller: Caller, call: SaveIltSessionProgress) -> bool:
    present = {row.id: row for row in attendees(caller, call.ilt_session_id).values()}
    return all(_has(present[wanted.id], wanted) for wanted in call.attendees)


def _has(attendee: IltSessionAttendee, wanted: AttendanceRecord | AttendeeProgress) -> bool:
    return wanted.attended in (None, attendee.attended) and wanted.passed in (None, attendee.passed)


def _is_same(session: IltSession, wanted: CreateIltSession) -> bool:
    return (session.lesson_id, session.start_datetime, session.end_datetime, session.location) == (
        wanted.lesson_id,
        wanted.start_datetime,
        wanted.end_datetime,
        wanted.location,
    )
