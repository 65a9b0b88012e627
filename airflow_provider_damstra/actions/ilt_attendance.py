"""Who is registered for an ILT session, who attended and who passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from airflow_provider_damstra.actions.caller import Caller, call_until_done, refuse_if_strict, shown
from airflow_provider_damstra.actions.noting import sent_before_for
from airflow_provider_damstra.endpoints.base import Arguments
from airflow_provider_damstra.endpoints.ilt_session import (
    AttendeeProgress,
    BulkDeregisterIltSession,
    BulkRegisterIltSession,
    ListIltSessionAttendees,
    SaveIltSessionProgress,
)
from airflow_provider_damstra.endpoints.types import Identifier, SomeIdentifiers, refuse_twice
from airflow_provider_damstra.errors import DamstraNotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_provider_damstra.models.ilt_session import IltSessionAttendee


def change_registration(
    caller: Caller, wanted: BulkRegisterIltSession | BulkDeregisterIltSession, *, strict: bool = False
) -> list[int]:
    """Register or deregister those users for whom that changes something, and return their ids.

    Those for whom an earlier attempt of the task did it are among them.

    :param strict: refuse to change anything if it is so already for some.
    """
    registering = isinstance(wanted, BulkRegisterIltSession)

    def still_to_do(user_ids: Collection[int]) -> tuple[int, ...]:
        present = attendees(caller, wanted.ilt_session_id)
        return tuple(user_id for user_id in user_ids if (user_id in present) != registering)

    todo = still_to_do(wanted.user_ids)
    ours = {*todo, *sent_before_for(caller, wanted)}
    already = [user_id for user_id in wanted.user_ids if user_id not in ours]
    if already:
        state = "registered" if registering else "not registered"
        refuse_if_strict(
            f"ILT session {wanted.ilt_session_id}: users {shown(already)} are {state} already.",
            strict=strict,
        )
    if todo:
        call = wanted.model_copy(update={"user_ids": todo})
        call_until_done(caller, call, is_done=lambda: not still_to_do(todo))
    return [user_id for user_id in wanted.user_ids if user_id in ours]


def attendees(caller: Caller, ilt_session_id: int) -> dict[int, IltSessionAttendee]:
    """Return who is registered, by user id."""
    rows = caller.iterate(ListIltSessionAttendees(ilt_session_id=ilt_session_id))
    return {row.user_id: row for row in rows if row.user_id is not None}


class AttendanceRecord(Arguments):
    """What is recorded of one user."""

    attended: bool | None = None
    passed: bool | None = None


def _refuse_a_user_twice(progress: Any) -> Any:
    """Refuse a user who is named as a number and again as a text: one of the two would be lost."""
    if isinstance(progress, Mapping):
        refuse_twice(tuple(str(one).strip() for one in progress))
    return progress


Progress = Annotated[
    dict[Identifier, AttendanceRecord], BeforeValidator(_refuse_a_user_twice), Field(min_length=1)
]


class Attendance(Arguments):
    """Who attended a session and who passed, by user id, or as a list of users who did both."""

    ilt_session_id: Identifier
    progress: Progress | None = None
    user_ids: SomeIdentifiers | None = None

    def records(self) -> dict[int, AttendanceRecord]:
        """Return what is recorded, by user id."""
        did_both = AttendanceRecord(attended=True, passed=True)
        return self.progress or dict.fromkeys(self.user_ids or (), did_both)


def save_progress(caller: Caller, attendance: Attendance) -> int:
    """Record attendance, and return how many attendees' records changed, in earlier attempts too.

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
        call_until_done(
            caller,
            call,
            is_done=lambda: not _missing(call, attendees(caller, call.ilt_session_id).values()),
        )
    ours = {one.id for one in changes} | sent_before_for(caller, whole)
    return sum(one.id in ours for one in whole.attendees)


def _missing(
    call: SaveIltSessionProgress, present: Iterable[IltSessionAttendee]
) -> tuple[AttendeeProgress, ...]:
    """Return what of the call is not recorded yet."""
    by_id = {one.id: one for one in present}
    return tuple(one for one in call.attendees if one.id not in by_id or not _has(by_id[one.id], one))


def _has(attendee: IltSessionAttendee, wanted: AttendeeProgress) -> bool:
    return wanted.attended in (None, attendee.attended) and wanted.passed in (None, attendee.passed)
