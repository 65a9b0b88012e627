"""Who is registered for an ILT session, who attended and who passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from airflow_provider_damstra.actions.caller import Caller, call_until_done, refuse_if_strict
from airflow_provider_damstra.endpoints.base import Arguments
from airflow_provider_damstra.endpoints.ilt_session import (
    AttendeeProgress,
    BulkDeregisterIltSession,
    BulkRegisterIltSession,
    ListIltSessionAttendees,
    SaveIltSessionProgress,
)
from airflow_provider_damstra.endpoints.types import Identifier, SomeIdentifiers
from airflow_provider_damstra.errors import DamstraNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_damstra.models.ilt_session import IltSessionAttendee


def change_registration(
    caller: Caller, wanted: BulkRegisterIltSession | BulkDeregisterIltSession, *, strict: bool = False
) -> list[int]:
    """Register or deregister those users for whom that changes something, and return their ids.

    :param strict: refuse to change anything if it is so already for some.
    """
    registering = isinstance(wanted, BulkRegisterIltSession)

    def still_to_do(user_ids: Collection[int]) -> tuple[int, ...]:
        present = attendees(caller, wanted.ilt_session_id)
        return tuple(user_id for user_id in user_ids if (user_id in present) != registering)

    todo = still_to_do(wanted.user_ids)
    already = [user_id for user_id in wanted.user_ids if user_id not in todo]
    if already:
        state = "registered" if registering else "not registered"
        refuse_if_strict(
            f"ILT session {wanted.ilt_session_id}: users {already} are {state} already.", strict=strict
        )
    if todo:
        call = wanted.model_copy(update={"user_ids": todo})
        call_until_done(caller, call, is_done=lambda: not still_to_do(todo))
    return list(todo)


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
    progress: Annotated[dict[Identifier, AttendanceRecord], Field(min_length=1)] | None = None
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


def _is_recorded(caller: Caller, call: SaveIltSessionProgress) -> bool:
    present = {row.id: row for row in attendees(caller, call.ilt_session_id).values()}
    return all(_has(present[wanted.id], wanted) for wanted in call.attendees)


def _has(attendee: IltSessionAttendee, wanted: AttendanceRecord | AttendeeProgress) -> bool:
    return wanted.attended in (None, attendee.attended) and wanted.passed in (None, attendee.passed)
