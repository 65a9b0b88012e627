"""ILT (instructor-led training) sessions and their attendees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator.clock import milliseconds_in_own_zone, stored
from airflow_provider_damstra.emulator.repositories.ilt_session import (
    ATTENDEE_COLUMNS,
    COLUMNS,
    JOINS,
    STATE,
    attendee_from,
    end_session,
    need_active_session,
    need_instructor,
    need_lesson,
    need_session,
    one_session,
    register,
    session_from,
)
from airflow_provider_damstra.emulator.routing import emulator
from airflow_provider_damstra.emulator.store import fitting
from airflow_provider_damstra.endpoints.ilt_session import (
    BulkDeregisterIltSession,
    BulkRegisterIltSession,
    CancelIltSession,
    CompleteIltSession,
    CreateIltSession,
    GetIltSession,
    ListIltSessionAttendees,
    ListIltSessions,
    SaveIltSessionProgress,
    UpdateIltSession,
)
from airflow_provider_damstra.models.ilt_session import IltSession, IltSessionAttendee, IltSessionStatus

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page


@emulator.answers(ListIltSessions, wrong_key=refusals.TOKEN_NOT_VALID)
def list_ilt_sessions(call: ListIltSessions, uow: UnitOfWork) -> Page[IltSession]:
    """Return a page of the sessions that all given parameters fit."""
    attends = "SELECT 1 FROM ilt_attendees WHERE session_id = s.id AND lesson_schedule_id = :schedule"
    where, values = fitting(
        {
            "schedule": (f"EXISTS ({attends})", call.lesson_schedule_id),
            "state": (f"{STATE} = :state", call.state),
            "status": ("s.status_id = :status", call.status),
            "instructor": ("s.instructor_id = :instructor", call.instructor_id),
        }
    )
    values["now"] = uow.at
    tail = f"{JOINS} WHERE {where}"
    sessions = [session_from(row) for row in uow.page(COLUMNS, tail, values, order="s.id")]
    return uow.listing(sessions, uow.store.fetch_value(f"SELECT count(*) {tail}", values))


@emulator.answers(GetIltSession, wrong_key=refusals.TOKEN_NOT_VALID)
def get_ilt_session(call: GetIltSession, uow: UnitOfWork) -> IltSession:
    """Return one session with its state and rates."""
    return one_session(uow, call.ilt_session_id)


@emulator.answers(CreateIltSession)
def create_ilt_session(call: CreateIltSession, uow: UnitOfWork) -> IltSession:
    """Create an active session with any number of places."""
    need_instructor(uow, call.instructor_id)
    if call.lesson_id is not None:
        need_lesson(uow, call.lesson_id)
    session_id = uow.insert(
        "ilt_sessions",
        lesson_id=call.lesson_id,
        instructor_id=call.instructor_id,
        location=call.location,
        notes=call.notes,
        start_datetime=milliseconds_in_own_zone(call.start_datetime),
        end_datetime=milliseconds_in_own_zone(call.end_datetime),
        starts_at=stored(call.start_datetime),
        ends_at=stored(call.end_datetime),
    )
    row = uow.store.fetch_all(f"SELECT {COLUMNS} {JOINS} WHERE s.id = ?", [session_id])[0]
    return session_from(row)


@emulator.answers(UpdateIltSession)
def update_ilt_session(call: UpdateIltSession, uow: UnitOfWork) -> IltSession:
    """Change a session; giving it status 2 or 3 completes or cancels it."""
    session = need_session(uow, call.ilt_session_id)
    need_instructor(uow, call.instructor_id)
    given = call.model_dump(
        exclude_none=True, include={"instructor_id", "location", "notes", "number_of_places"}
    )
    _refuse_too_few_places(uow, call)
    uow.update("ilt_sessions", call.ilt_session_id, **given)
    if call.status_id not in (None, session["status_id"]):
        end_session(uow, call.ilt_session_id, call.status_id or IltSessionStatus.ACTIVE)
    return one_session(uow, call.ilt_session_id)


@emulator.answers(CompleteIltSession)
def complete_ilt_session(call: CompleteIltSession, uow: UnitOfWork) -> None:
    """Complete a session and the schedules of the attendees who passed."""
    need_session(uow, call.ilt_session_id)
    end_session(uow, call.ilt_session_id, IltSessionStatus.COMPLETED)


@emulator.answers(CancelIltSession)
def cancel_ilt_session(call: CancelIltSession, uow: UnitOfWork) -> None:
    """Cancel a session; the schedules of its attendees stay open."""
    need_session(uow, call.ilt_session_id)
    end_session(uow, call.ilt_session_id, IltSessionStatus.CANCELLED)
    uow.update("ilt_sessions", call.ilt_session_id, **call.model_dump(exclude={"ilt_session_id"}))


@emulator.answers(BulkRegisterIltSession)
def bulk_register_ilt_session(call: BulkRegisterIltSession, uow: UnitOfWork) -> None:
    """Register users, all or none; one who is registered already stays so."""
    session = need_active_session(uow, call.ilt_session_id)
    uow.need_users(call.user_ids)
    register(uow, session, call.user_ids)


@emulator.answers(BulkDeregisterIltSession)
def bulk_deregister_ilt_session(call: BulkDeregisterIltSession, uow: UnitOfWork) -> None:
    """Deregister users; nothing changes for one who is not registered."""
    need_active_session(uow, call.ilt_session_id)
    uow.need_users(call.user_ids)
    for user_id in call.user_ids:
        uow.delete("ilt_attendees", session_id=call.ilt_session_id, user_id=user_id)


@emulator.answers(ListIltSessionAttendees, wrong_key=refusals.TOKEN_NOT_VALID)
def list_ilt_session_attendees(call: ListIltSessionAttendees, uow: UnitOfWork) -> Page[IltSessionAttendee]:
    """Return a page of a session's attendees."""
    need_session(uow, call.ilt_session_id)
    tail = """
        FROM ilt_attendees a JOIN users u ON u.id = a.user_id JOIN users r ON r.id = a.registering_user_id
        WHERE a.session_id = :session_id
    """
    values = {"session_id": call.ilt_session_id}
    attendees = [attendee_from(row) for row in uow.page(ATTENDEE_COLUMNS, tail, values, order="a.id")]
    return uow.listing(attendees, uow.store.count(tail, values))


@emulator.answers(SaveIltSessionProgress)
def save_ilt_session_progress(call: SaveIltSessionProgress, uow: UnitOfWork) -> None:
    """Record who attended and who passed; what is not given stays."""
    need_active_session(uow, call.ilt_session_id)
    of_session = "SELECT id FROM ilt_attendees WHERE session_id = ?"
    known = {row["id"] for row in uow.store.fetch_all(of_session, [call.ilt_session_id])}
    unknown = [attendee.id for attendee in call.attendees if attendee.id not in known]
    if unknown:
        raise refusals.not_found(f"Attendee of session {call.ilt_session_id}", unknown)
    for attendee in call.attendees:
        uow.update("ilt_attendees", attendee.id, **attendee.model_dump(exclude={"id"}, exclude_none=True))


def _refuse_too_few_places(uow: UnitOfWork, call: UpdateIltSession) -> None:
    attendees = uow.store.fetch_value(
        "SELECT count(*) FROM ilt_attendees WHERE session_id = ?", [call.ilt_session_id]
    )
    if call.number_of_places is not None and call.number_of_places < attendees:
        raise refusals.conflict(f"numberOfPlaces: {attendees} users are registered already")
