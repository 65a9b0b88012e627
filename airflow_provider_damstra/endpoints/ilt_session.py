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
    state: Argument[IltSessionState | Literal[1, 2, 3] | None, IltSessionState | None] = OMITTED
    status: OptionalStatus = OMITTED
    instructor_id: OptionalIdentifier = OMITTED


class GetIltSession(Endpoint[IltSession], path="/ilt_session/{ilt_session_id}"):
    """Return one ILT session."""

    ilt_session_id: Identifier


class CreateIltSession(Endpoint[IltSession], method="POST", path="/ilt_session"):
    """Create an ILT session and return it. The number of places can only be set by an update."""

    lesson_id: OptionalIdentifier = OMITTED
    start_datetime: SessionDateTime
    end_datetime: SessionDateTime
    location: str
    instructor_id: Identifier
    notes: str | None = None

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
    instructor_id: Identifier
    status_id: OptionalStatus = OMITTED
    notes: str | None = None
    number_of_places: OptionalCount = OMITTED
    location: str


class CompleteIltSession(NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/complete"):
    """Complete an ILT session and all its lesson schedules."""

    ilt_session_id: Identifier


class CancelIltSession(NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/cancel_session"):
    """Cancel an ILT session, with or without notifying trainees and instructor."""

    ilt_session_id: Identifier
    ilt_session_cancellation_trainee_notification_enabled: bool
    ilt_session_cancellation_instructor_notification_enabled: bool


class BulkRegisterIltSession(
    NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/bulk_register"
):
    """Register users, who must be scheduled to the session's lesson."""

    ilt_session_id: Identifier
    user_ids: IdentifierList


class BulkDeregisterIltSession(
    NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/bulk_deregister"
):
    """Deregister users."""

    ilt_session_id: Identifier
    user_ids: IdentifierList


class ListIltSessionAttendees(
    ListEndpoint[IltSessionAttendee], path="/ilt_session/{ilt_session_id}/attendees"
):
    """List the attendees of a session, with attendance and result."""

    has_documented_paging = False

    ilt_session_id: Identifier


class AttendeeProgress(RequestModel):
    """Attendance and result of one attendee. ``id`` is the attendee's, not the user's."""

    id: Identifier
    passed: bool | None = None
    attended: bool | None = None


class SaveIltSessionProgress(
    NoContentEndpoint, method="POST", path="/ilt_session/{ilt_session_id}/save_progress"
):
    """Record attendance and results."""

    ilt_session_id: Identifier
    attendees: Argument[
        Sequence[AttendeeProgress | Mapping[str, Any]],
        Annotated[tuple[AttendeeProgress, ...], Field(min_length=1)],
    ]
