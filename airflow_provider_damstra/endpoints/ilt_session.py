"""Operations on ILT (instructor-led training) sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint, NoContentEndpoint, RequestModel
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Argument,
    Identifier,
    IdentifierList,
    OptionalCount,
    OptionalIdentifier,
    SessionDateTime,
)
from airflow_provider_damstra.models import IltSession, IltSessionAttendee, IltSessionState, IltSessionStatus

OptionalStatus = Argument[IltSessionStatus | Literal[1, 2, 3] | None, IltSessionStatus | None]


class ListIltSessions(ListEndpoint[IltSession], path="/ilt_session"):
    """List ILT sessions."""

    lesson_schedule_id: OptionalIdentifier = OMITTED
    """Id of a lesson schedule whose trainee is registered."""

    state: Argument[IltSessionState | Literal[1, 2, 3] | None, IltSessionState | None] = OMITTED
    """Time relative to now."""

    status: OptionalStatus = OMITTED
    """Status of the sessions."""

    instructor_id: OptionalIdentifier = OMITTED
    """User id of the instructor."""


class GetIltSession(Endpoint[IltSession], path="/ilt_session/{ilt_session_id}"):
    """Return one ILT session."""

    ilt_session_id: Identifier
    """Id of the session."""


class CreateIltSession(Endpoint[IltSession], method="POST", path="/ilt_session"):
    """Create an ILT session and return it. The number of places can only be set by an update."""

    lesson_id: OptionalIdentifier = OMITTED
    """Id of the lesson."""

    start_datetime: SessionDateTime
    """Start, with a time zone."""

    end_datetime: SessionDateTime
    """End, with a time zone."""

    location: str
    """Where the session takes place."""

    instructor_id: Identifier
    """User id of the instructor."""

    notes: str | None = None
    """Notes."""

    @field_validator("end_datetime")
    @classmethod
    def _validate_end_after_start(cls, end: datetime, info: ValidationInfo) -> datetime:
        start = info.data.get("start_datetime")
        if start is not None and end < start:
            raise ValueError(f"end_datetime is before start_datetime, {start.isoformat()}")
        return end


class UpdateIltSession(Endpoint[IltSession], method="PATCH", path="/ilt_session/{ilt_session_id}"):
    """Change an ILT session and return it. Instructor and location are required; times cannot be changed."""

    ilt_session_id: Identifier
    """Id of the session."""

    instructor_id: Identifier
    """User id of the instructor."""

    status_id: OptionalStatus = OMITTED
    """New status."""

    notes: str | None = None
    """New notes."""

    number_of_places: OptionalCount = OMITTED
    """New maximum number of attendees."""

    location: str
    """Where the session takes place."""


class CompleteIltSession(NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/complete"):
    """Complete an ILT session and all its lesson schedules."""

    ilt_session_id: Identifier
    """Id of the session."""


class CancelIltSession(NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/cancel_session"):
    """Cancel an ILT session, with or without notifying trainees and instructor."""

    ilt_session_id: Identifier
    """Id of the session."""

    ilt_session_cancellation_trainee_notification_enabled: bool
    """Whether trainees are notified."""

    ilt_session_cancellation_instructor_notification_enabled: bool
    """Whether the instructor is notified."""


class BulkRegisterIltSession(
    NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/bulk_register"
):
    """Register users, who must be scheduled to the session's lesson."""

    ilt_session_id: Identifier
    """Id of the session."""

    user_ids: IdentifierList
    """Ids of the users."""


class BulkDeregisterIltSession(
    NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/bulk_deregister"
):
    """Deregister users."""

    ilt_session_id: Identifier
    """Id of the session."""

    user_ids: IdentifierList
    """Ids of the users."""


class ListIltSessionAttendees(
    ListEndpoint[IltSessionAttendee], path="/ilt_session/{ilt_session_id}/attendees"
):
    """List the attendees of a session, with attendance and result."""

    has_documented_paging = False

    ilt_session_id: Identifier
    """Id of the session."""


class AttendeeProgress(RequestModel):
    """Attendance and result of one attendee. ``id`` is the attendee's, not the user's."""

    id: Identifier
    """The attendee's id, not the user's."""

    passed: bool | None = None
    """Whether the user passed; unchanged if it is not given."""

    attended: bool | None = None
    """Whether the user attended; unchanged if it is not given."""


class SaveIltSessionProgress(
    NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/save_progress"
):
    """Record attendance and results."""

    ilt_session_id: Identifier
    """Id of the session."""

    attendees: Argument[
        Sequence[AttendeeProgress | Mapping[str, Any]],
        Annotated[tuple[AttendeeProgress, ...], Field(min_length=1)],
    ]
    """Attendance and results."""
