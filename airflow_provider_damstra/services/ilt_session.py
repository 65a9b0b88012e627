"""One ILT session: find, get or create, update; list its attendees and record their progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.ilt_session import (
    AttendeeProgress,
    CreateIltSession,
    GetIltSession,
    ListIltSessionAttendees,
    ListIltSessions,
    SaveIltSessionProgress,
    UpdateIltSession,
)
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Identifier,
    IdValue,
    OptionalIdentifierList,
    validate_unique,
)
from airflow_provider_damstra.errors import DamstraConflictError, DamstraNotFoundError
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.services.idempotency import call_and_verify, get_or_create, parse_changes

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.ilt_session import IltSession, IltSessionAttendee
    from airflow_provider_damstra.services.intent_log import RecordingClient


def find_ilt_session(client: SupportsCalls, request: CreateIltSession) -> IltSession | None:
    """Return the session of the same lesson, times, instructor and location unless cancelled, or None.

    Locations are compared regardless of case and surrounding blanks.
    """

    def key(session: IltSession | CreateIltSession) -> tuple[Any, ...]:
        # In seconds: a server may not keep the milliseconds that it is sent.
        times = (
            time and time.replace(microsecond=0) for time in (session.start_datetime, session.end_datetime)
        )
        return session.lesson_id, *times, match_key(session.location)

    sessions = client.iterate(ListIltSessions(instructor_id=request.instructor_id))
    return next(
        (session for session in sessions if not session.is_cancelled and key(session) == key(request)), None
    )


def get_or_create_ilt_session(
    client: RecordingClient, request: CreateIltSession, *, if_exists: str = "return"
) -> tuple[IltSession, bool]:
    """Return a session, and whether this task created it.

    :param if_exists: ``return`` an existing session unchanged, or ``fail``.
    """
    session, was_created = get_or_create(client, request, find=partial(find_ilt_session, client, request))
    if not was_created and if_exists == "fail":
        raise DamstraConflictError(f"The ILT session exists already (id {session.id}).")
    return session, was_created


def update_ilt_session(client: RecordingClient, changes: Mapping[str, Any]) -> bool:
    """Change what differs, and return False if nothing does. Other fields keep their values.

    :param changes: the fields to change, and ``ilt_session_id``; None keeps a value.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    checked = parse_changes(UpdateIltSession, given, instructor_id=1, location="")
    query = GetIltSession(ilt_session_id=checked["ilt_session_id"])
    # The API requires instructor and location in every update.
    names = {"instructor_id", "location", *checked} - {"ilt_session_id"}

    def values_of(session: IltSession | UpdateIltSession) -> dict[str, Any]:
        return {name: getattr(session, name) for name in names}

    current = values_of(client.call(query))
    request = UpdateIltSession.model_validate({**current, **checked})
    target = values_of(request)
    if target == current:
        return client.intents.was_sent(request)
    return call_and_verify(client, request, is_applied=lambda: values_of(client.call(query)) == target)


def list_attendees(client: SupportsCalls, ilt_session_id: int) -> dict[int, IltSessionAttendee]:
    """Return the attendees of a session by user id."""
    rows = client.iterate(ListIltSessionAttendees(ilt_session_id=ilt_session_id))
    return {row.user_id: row for row in rows if row.user_id is not None}


class AttendanceRecord(RequestModel):
    """Attendance of one user to record; None leaves a value unchanged."""

    attended: bool | None = None
    passed: bool | None = None


def _validate_unique_users(progress: Any) -> Any:
    """Reject a user that is given as a number and again as a string: one of the two would be lost."""
    if isinstance(progress, Mapping):
        validate_unique(tuple(str(user_id).strip() for user_id in progress))
    return progress


Progress = Annotated[
    dict[IdValue, AttendanceRecord], BeforeValidator(_validate_unique_users), Field(min_length=1)
]


class Attendance(RequestModel):
    """The attendance of a session: records by user id, or a list of users who attended and passed."""

    ilt_session_id: Identifier
    progress: Progress | None = None
    user_ids: OptionalIdentifierList = OMITTED

    def create_request(self, attendees: Mapping[int, IltSessionAttendee]) -> SaveIltSessionProgress:
        """Return the request that records it.

        :param attendees: all attendees of the session by user id.
        :raises DamstraNotFoundError: naming the users who are not registered.
        """
        passed = AttendanceRecord(attended=True, passed=True)
        records = self.progress or dict.fromkeys(self.user_ids or (), passed)
        unknown = sorted(records.keys() - attendees.keys())
        if unknown:
            raise DamstraNotFoundError(
                f"ILT session {self.ilt_session_id}: users {', '.join(map(str, unknown))} are not "
                "registered, so no attendance was recorded. Register them first."
            )
        progress = tuple(
            AttendeeProgress(id=attendees[user_id].id, attended=record.attended, passed=record.passed)
            for user_id, record in records.items()
        )
        return SaveIltSessionProgress(ilt_session_id=self.ilt_session_id, attendees=progress)


def save_progress(client: RecordingClient, attendance: Attendance) -> int:
    """Record attendance, and return how many attendees' records this task changed, in earlier tries too.

    :raises DamstraNotFoundError: naming the users who are not registered; nothing is recorded then.
    """
    present = list_attendees(client, attendance.ilt_session_id)
    request = attendance.create_request(present)
    pending = _find_pending_progress(request, present.values())
    if pending:
        narrowed = request.model_copy(update={"attendees": pending})

        def is_applied() -> bool:
            attendees = list_attendees(client, narrowed.ilt_session_id)
            return not _find_pending_progress(narrowed, attendees.values())

        call_and_verify(client, narrowed, is_applied=is_applied)
    own = {attendee.id for attendee in pending} | client.intents.ids_sent(request)
    return sum(attendee.id in own for attendee in request.attendees)


def _find_pending_progress(
    request: SaveIltSessionProgress, attendees: Iterable[IltSessionAttendee]
) -> tuple[AttendeeProgress, ...]:
    """Return the part of a request that is not recorded yet."""
    by_id = {attendee.id: attendee for attendee in attendees}

    def is_recorded(progress: AttendeeProgress) -> bool:
        attendee = by_id.get(progress.id)
        return (
            attendee is not None
            and progress.attended in (None, attendee.attended)
            and progress.passed in (None, attendee.passed)
        )

    return tuple(attendee for attendee in request.attendees if not is_recorded(attendee))
