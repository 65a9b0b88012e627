"""ILT sessions: created once, changed where they differ, completed or cancelled once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.ilt_session import (
    AttendeeProgress,
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
from airflow_provider_damstra.endpoints.types import Identifier, IdentifierList, validate_unique
from airflow_provider_damstra.errors import DamstraConflictError, DamstraNotFoundError
from airflow_provider_damstra.services.changes import checked_changes
from airflow_provider_damstra.services.idempotency import (
    SupportsCalls,
    call_and_verify,
    changed_by_earlier_try,
    format_ids,
    get_or_create,
    refuse_if_strict,
)
from airflow_provider_damstra.services.intent_log import sent_before_for, was_sent_before

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_provider_damstra.models.ilt_session import IltSession, IltSessionAttendee


def find_session(client: SupportsCalls, wanted: CreateIltSession) -> IltSession | None:
    """Return the session of the same lesson, times, instructor and place unless cancelled, or None."""
    sessions = client.iterate(ListIltSessions(instructor_id=wanted.instructor_id))
    return next((one for one in sessions if not one.is_cancelled and _is_same(one, wanted)), None)


def ensure_session(
    client: SupportsCalls, wanted: CreateIltSession, *, if_exists: str = "return"
) -> tuple[IltSession, bool]:
    """Return the session that is wanted, and whether it was created here.

    :param if_exists: ``return`` it as it is, or ``fail``.
    """
    session, was_created = get_or_create(client, wanted, find=lambda: find_session(client, wanted))
    if not was_created and if_exists == "fail":
        raise DamstraConflictError(f"The ILT session exists already (id {session.id}).")
    return session, was_created


def end(
    client: SupportsCalls, wanted: CompleteIltSession | CancelIltSession, *, strict: bool = False
) -> bool:
    """Complete or cancel a session, and return False if that was done before."""
    cancelling = isinstance(wanted, CancelIltSession)

    def is_done() -> bool:
        session = client.call(GetIltSession(ilt_session_id=wanted.ilt_session_id))
        return session.is_cancelled if cancelling else session.is_completed

    if is_done():
        state = "cancelled" if cancelling else "completed"
        message = f"ILT session {wanted.ilt_session_id} is {state} already."
        return changed_by_earlier_try(client, wanted, message, strict=strict)
    return call_and_verify(client, wanted, is_done=is_done)


def update_session(client: SupportsCalls, *, ilt_session_id: Any, changes: Mapping[str, Any]) -> bool:
    """Change what differs, and return False if nothing does. Instructor and location are always sent."""
    members = {**changes, "ilt_session_id": ilt_session_id}
    checked = checked_changes(UpdateIltSession, members, instructor_id=1, location="")
    question = GetIltSession(ilt_session_id=checked["ilt_session_id"])

    def present() -> dict[str, Any]:
        session = client.call(question)
        return {name: getattr(session, name) for name in ("instructor_id", "location", *changes)}

    before = present()
    wanted = UpdateIltSession.model_validate({**before, **checked})
    after = {name: getattr(wanted, name) for name in before}
    if after == before:
        return was_sent_before(client, wanted)
    return call_and_verify(client, wanted, is_done=lambda: present() == after)


def _is_same(session: IltSession, wanted: CreateIltSession) -> bool:
    return (session.lesson_id, session.start_datetime, session.end_datetime, session.location) == (
        wanted.lesson_id,
        wanted.start_datetime,
        wanted.end_datetime,
        wanted.location,
    )


def change_registration(
    client: SupportsCalls, wanted: BulkRegisterIltSession | BulkDeregisterIltSession, *, strict: bool = False
) -> list[int]:
    """Register or deregister those users for whom that changes something, and return their ids.

    Those for whom an earlier attempt of the task did it are among them.

    :param strict: refuse to change anything if it is so already for some.
    """
    registering = isinstance(wanted, BulkRegisterIltSession)

    def still_to_do(user_ids: Collection[int]) -> tuple[int, ...]:
        present = attendees(client, wanted.ilt_session_id)
        return tuple(user_id for user_id in user_ids if (user_id in present) != registering)

    todo = still_to_do(wanted.user_ids)
    ours = {*todo, *sent_before_for(client, wanted)}
    already = [user_id for user_id in wanted.user_ids if user_id not in ours]
    if already:
        state = "registered" if registering else "not registered"
        refuse_if_strict(
            f"ILT session {wanted.ilt_session_id}: users {format_ids(already)} are {state} already.",
            strict=strict,
        )
    if todo:
        call = wanted.model_copy(update={"user_ids": todo})
        call_and_verify(client, call, is_done=lambda: not still_to_do(todo))
    return [user_id for user_id in wanted.user_ids if user_id in ours]


def attendees(client: SupportsCalls, ilt_session_id: int) -> dict[int, IltSessionAttendee]:
    """Return who is registered, by user id."""
    rows = client.iterate(ListIltSessionAttendees(ilt_session_id=ilt_session_id))
    return {row.user_id: row for row in rows if row.user_id is not None}


class AttendanceRecord(RequestModel):
    """What is recorded of one user."""

    attended: bool | None = None
    passed: bool | None = None


def _refuse_a_user_twice(progress: Any) -> Any:
    """Refuse a user who is named as a number and again as a text: one of the two would be lost."""
    if isinstance(progress, Mapping):
        validate_unique(tuple(str(one).strip() for one in progress))
    return progress


Progress = Annotated[
    dict[Identifier, AttendanceRecord], BeforeValidator(_refuse_a_user_twice), Field(min_length=1)
]


class Attendance(RequestModel):
    """Who attended a session and who passed, by user id, or as a list of users who did both."""

    ilt_session_id: Identifier
    progress: Progress | None = None
    user_ids: IdentifierList | None = None

    def records(self) -> dict[int, AttendanceRecord]:
        """Return what is recorded, by user id."""
        did_both = AttendanceRecord(attended=True, passed=True)
        return self.progress or dict.fromkeys(self.user_ids or (), did_both)


def save_progress(client: SupportsCalls, attendance: Attendance) -> int:
    """Record attendance, and return how many attendees' records changed, in earlier attempts too.

    :raises DamstraNotFoundError: naming the users who are not registered; nothing is recorded then.
    """
    present = attendees(client, attendance.ilt_session_id)
    records = attendance.records()
    strangers = sorted(records.keys() - present.keys())
    if strangers:
        raise DamstraNotFoundError(
            f"ILT session {attendance.ilt_session_id}: users {', '.join(map(str, strangers))} are not "
            "registered, so nobody's attendance was recorded. Register them first."
        )
    whole = SaveIltSessionProgress(
        ilt_session_id=attendance.ilt_session_id,
        attendees=tuple(
            AttendeeProgress(id=present[user_id].id, attended=record.attended, passed=record.passed)
            for user_id, record in records.items()
        ),
    )
    changes = _missing(whole, present.values())
    if changes:
        call = whole.model_copy(update={"attendees": changes})
        call_and_verify(
            client,
            call,
            is_done=lambda: not _missing(call, attendees(client, call.ilt_session_id).values()),
        )
    ours = {one.id for one in changes} | sent_before_for(client, whole)
    return sum(one.id in ours for one in whole.attendees)


def _missing(
    call: SaveIltSessionProgress, present: Iterable[IltSessionAttendee]
) -> tuple[AttendeeProgress, ...]:
    """Return what of the call is not recorded yet."""
    by_id = {one.id: one for one in present}
    return tuple(one for one in call.attendees if one.id not in by_id or not _has(by_id[one.id], one))


def _has(attendee: IltSessionAttendee, wanted: AttendeeProgress) -> bool:
    return wanted.attended in (None, attendee.attended) and wanted.passed in (None, attendee.passed)
