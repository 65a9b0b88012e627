"""ILT sessions: created once, changed where they differ, completed or cancelled once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.actions.caller import (
    Caller,
    call_until_done,
    create_unless_found,
    was_ours,
)
from airflow_provider_damstra.actions.changes import checked_changes
from airflow_provider_damstra.actions.noting import was_sent_before
from airflow_provider_damstra.endpoints.ilt_session import (
    CancelIltSession,
    CompleteIltSession,
    CreateIltSession,
    GetIltSession,
    ListIltSessions,
    UpdateIltSession,
)
from airflow_provider_damstra.errors import DamstraConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.models.ilt_session import IltSession


def find_session(caller: Caller, wanted: CreateIltSession) -> IltSession | None:
    """Return the session of the same lesson, times, instructor and place unless cancelled, or None."""
    sessions = caller.iterate(ListIltSessions(instructor_id=wanted.instructor_id))
    return next((one for one in sessions if not one.is_cancelled and _is_same(one, wanted)), None)


def ensure_session(
    caller: Caller, wanted: CreateIltSession, *, if_exists: str = "return"
) -> tuple[IltSession, bool]:
    """Return the session that is wanted, and whether it was created here.

    :param if_exists: ``return`` it as it is, or ``fail``.
    """
    session, was_created = create_unless_found(caller, wanted, find=lambda: find_session(caller, wanted))
    if not was_created and if_exists == "fail":
        raise DamstraConflictError(f"The ILT session exists already (id {session.id}).")
    return session, was_created


def end(caller: Caller, wanted: CompleteIltSession | CancelIltSession, *, strict: bool = False) -> bool:
    """Complete or cancel a session, and return False if that was done before."""
    cancelling = isinstance(wanted, CancelIltSession)

    def is_done() -> bool:
        session = caller.call(GetIltSession(ilt_session_id=wanted.ilt_session_id))
        return session.is_cancelled if cancelling else session.is_completed

    if is_done():
        state = "cancelled" if cancelling else "completed"
        message = f"ILT session {wanted.ilt_session_id} is {state} already."
        return was_ours(caller, wanted, message, strict=strict)
    return call_until_done(caller, wanted, is_done=is_done)


def update_session(caller: Caller, *, ilt_session_id: Any, changes: Mapping[str, Any]) -> bool:
    """Change what differs, and return False if nothing does. Instructor and location are always sent."""
    members = {**changes, "ilt_session_id": ilt_session_id}
    checked = checked_changes(UpdateIltSession, members, instructor_id=1, location="")
    question = GetIltSession(ilt_session_id=checked["ilt_session_id"])

    def present() -> dict[str, Any]:
        session = caller.call(question)
        return {name: getattr(session, name) for name in ("instructor_id", "location", *changes)}

    before = present()
    wanted = UpdateIltSession.model_validate({**before, **checked})
    after = {name: getattr(wanted, name) for name in before}
    if after == before:
        return was_sent_before(caller, wanted)
    return call_until_done(caller, wanted, is_done=lambda: present() == after)


def _is_same(session: IltSession, wanted: CreateIltSession) -> bool:
    return (session.lesson_id, session.start_datetime, session.end_datetime, session.location) == (
        wanted.lesson_id,
        wanted.start_datetime,
        wanted.end_datetime,
        wanted.location,
    )
