"""Handlers of ILT (instructor-led training) sessions and their attendees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.api_errors import TOKEN_NOT_VALID, attendee_not_found, conflict
from airflow_provider_damstra.emulator.clock import format_local_milliseconds, format_utc_milliseconds
from airflow_provider_damstra.emulator.repositories import ilt_session_repository
from airflow_provider_damstra.emulator.repositories.ilt_session_repository import (
    ATTENDEE_COLUMNS,
    COLUMNS,
    JOINS,
    STATE,
    attendee_from_row,
    session_from_row,
)
from airflow_provider_damstra.emulator.routing import operation
from airflow_provider_damstra.emulator.store import where_clause
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


@operation(ListIltSessions, invalid_key_body=TOKEN_NOT_VALID)
def list_ilt_sessions(call: ListIltSessions, uow: UnitOfWork) -> Page[IltSession]:
    """Return a page of the sessions that match all given parameters."""
    attendance = "SELECT 1 FROM ilt_attendees WHERE session_id = s.id AND lesson_schedule_id = :schedule"
    where, params = where_clause(
        {
            "schedule": (f"EXISTS ({attendance})", call.lesson_schedule_id),
            "state": (f"{STATE} = :state", call.state),
            "status": ("s.status_id = :status", call.status),
            "instructor": ("s.instructor_id = :instructor", call.instructor_id),
        }
    )
    params["now"] = uow.timestamp
    from_clause = f"{JOINS} WHERE {where}"
    rows = uow.fetch_page(COLUMNS, from_clause, params, order_by="s.id")
    # Not the cached count: the state depends on the time.
    total = uow.store.fetch_value(f"SELECT count(*) {from_clause}", params)
    return uow.build_page([session_from_row(row) for row in rows], total)


@operation(GetIltSession, invalid_key_body=TOKEN_NOT_VALID)
def get_ilt_session(call: GetIltSession, uow: UnitOfWork) -> IltSession:
    """Return a session with its state and rates."""
    return ilt_session_repository.get_or_404(uow, call.ilt_session_id)


@operation(CreateIltSession)
def create_ilt_session(call: CreateIltSession, uow: UnitOfWork) -> IltSession:
    """Create an active session with unlimited places."""
    ilt_session_repository.require_instructor(uow, call.instructor_id)
    if call.lesson_id is not None:
        ilt_session_repository.require_active_lesson(uow, call.lesson_id)
    session_id = uow.insert(
        "ilt_sessions",
        lesson_id=call.lesson_id,
        instructor_id=call.instructor_id,
        location=call.location,
        notes=call.notes,
        start_datetime=format_local_milliseconds(call.start_datetime),
        end_datetime=format_local_milliseconds(call.end_datetime),
        starts_at=format_utc_milliseconds(call.start_datetime),
        ends_at=format_utc_milliseconds(call.end_datetime),
    )
    row = uow.store.fetch_all(f"SELECT {COLUMNS} {JOINS} WHERE s.id = ?", [session_id])[0]
    return session_from_row(row)


@operation(UpdateIltSession)
def update_ilt_session(call: UpdateIltSession, uow: UnitOfWork) -> IltSession:
    """Update a session; status 2 or 3 completes or cancels it."""
    session = uow.get_or_404("ilt_sessions", call.ilt_session_id)
    ilt_session_repository.require_instructor(uow, call.instructor_id)
    values = call.model_dump(
        exclude_none=True, include={"instructor_id", "location", "notes", "number_of_places"}
    )
    _validate_number_of_places(uow, call)
    uow.update("ilt_sessions", call.ilt_session_id, **values)
    if call.status_id not in (None, session["status_id"]):
        status = call.status_id or IltSessionStatus.ACTIVE
        ilt_session_repository.close(uow, call.ilt_session_id, status)
    return ilt_session_repository.get_or_404(uow, call.ilt_session_id)


@operation(CompleteIltSession)
def complete_ilt_session(call: CompleteIltSession, uow: UnitOfWork) -> None:
    """Complete a session and the schedules of the attendees who passed."""
    ilt_session_repository.close(uow, call.ilt_session_id, IltSessionStatus.COMPLETED)


@operation(CancelIltSession)
def cancel_ilt_session(call: CancelIltSession, uow: UnitOfWork) -> None:
    """Cancel a session; the schedules of its attendees stay open."""
    ilt_session_repository.close(uow, call.ilt_session_id, IltSessionStatus.CANCELLED)
    uow.update("ilt_sessions", call.ilt_session_id, **call.model_dump(exclude={"ilt_session_id"}))


@operation(BulkRegisterIltSession)
def bulk_register_ilt_session(call: BulkRegisterIltSession, uow: UnitOfWork) -> None:
    """Register all users or none; users who are registered already stay so."""
    session = ilt_session_repository.get_active(uow, call.ilt_session_id)
    uow.require_users(call.user_ids)
    ilt_session_repository.register(uow, session, call.user_ids)


@operation(BulkDeregisterIltSession)
def bulk_deregister_ilt_session(call: BulkDeregisterIltSession, uow: UnitOfWork) -> None:
    """Deregister users; users who are not registered are ignored."""
    ilt_session_repository.get_active(uow, call.ilt_session_id)
    uow.require_users(call.user_ids)
    for user_id in call.user_ids:
        uow.delete("ilt_attendees", session_id=call.ilt_session_id, user_id=user_id)


@operation(ListIltSessionAttendees, invalid_key_body=TOKEN_NOT_VALID)
def list_ilt_session_attendees(call: ListIltSessionAttendees, uow: UnitOfWork) -> Page[IltSessionAttendee]:
    """Return a page of a session's attendees."""
    uow.get_or_404("ilt_sessions", call.ilt_session_id)
    from_clause = """
        FROM ilt_attendees a JOIN users u ON u.id = a.user_id JOIN users r ON r.id = a.registering_user_id
        WHERE a.session_id = :session_id
    """
    params = {"session_id": call.ilt_session_id}
    rows = uow.fetch_page(ATTENDEE_COLUMNS, from_clause, params, order_by="a.id")
    return uow.build_page([attendee_from_row(row) for row in rows], uow.store.count(from_clause, params))


@operation(SaveIltSessionProgress)
def save_ilt_session_progress(call: SaveIltSessionProgress, uow: UnitOfWork) -> None:
    """Record who attended and who passed; fields that are not given stay."""
    ilt_session_repository.get_active(uow, call.ilt_session_id)
    sql = "SELECT id FROM ilt_attendees WHERE session_id = ?"
    known = {row["id"] for row in uow.store.fetch_all(sql, [call.ilt_session_id])}
    unknown = [attendee.id for attendee in call.attendees if attendee.id not in known]
    if unknown:
        raise attendee_not_found(call.ilt_session_id, unknown)
    for attendee in call.attendees:
        uow.update("ilt_attendees", attendee.id, **attendee.model_dump(exclude={"id"}, exclude_none=True))


def _validate_number_of_places(uow: UnitOfWork, call: UpdateIltSession) -> None:
    """Reject fewer places than there are attendees."""
    sql = "SELECT count(*) FROM ilt_attendees WHERE session_id = ?"
    attendees = uow.store.fetch_value(sql, [call.ilt_session_id])
    if call.number_of_places is not None and call.number_of_places < attendees:
        raise conflict(f"numberOfPlaces: {attendees} users are registered already")
