"""ILT (instructor-led training) sessions and their attendees."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated

from pydantic import Field

from airflow_provider_damstra.models.base import Model, OptionalTimestamp


class IltSessionState(IntEnum):
    """Time of a session relative to now, as a number; listings filter by it."""

    UPCOMING = 1
    IN_PROGRESS = 2
    PAST = 3


class IltSessionStateName(StrEnum):
    """Time of a session relative to now, as a string that ``GetIltSession`` returns."""

    UPCOMING = "upcoming"
    IN_PROGRESS = "inprogress"
    PAST = "past"


class IltSessionStatus(IntEnum):
    """The lifecycle status of a session."""

    ACTIVE = 1
    COMPLETED = 2
    CANCELLED = 3


class IltSession(Model):
    """An ILT session. Only listings have the instructor's name, only ``GetIltSession`` state and rates."""

    id: int
    """The session's id."""

    status_id: Annotated[IltSessionStatus | int | None, Field(union_mode="left_to_right")] = None
    """Status; a number for an undocumented one."""

    instructor_id: int | None = None
    """User id of the instructor."""

    instructor_first_name: str | None = None
    """The instructor's first name."""

    instructor_last_name: str | None = None
    """The instructor's last name."""

    lesson_id: int | None = None
    """Id of the lesson."""

    lesson_name: str | None = None
    """Name of the lesson."""

    instructor_led: bool | None = None
    """Whether the lesson is instructor-led."""

    notes: str | None = None
    """Notes."""

    number_of_attendees: int | None = None
    """Number of registered users."""

    number_of_places: int | None = None
    """Maximum number of attendees."""

    start_datetime: OptionalTimestamp = None
    """Start."""

    end_datetime: OptionalTimestamp = None
    """End."""

    location: str | None = None
    """Where the session takes place."""

    state: Annotated[IltSessionStateName | str | None, Field(union_mode="left_to_right")] = None
    """Time relative to now; text for an undocumented one."""

    attendance_rate: float | None = None
    """Percentage of the attendees who attended."""

    pass_rate: float | None = None
    """Percentage of the attendees who passed."""

    ilt_session_cancellation_trainee_notification_enabled: bool | None = None
    """Whether trainees are notified of a cancellation."""

    ilt_session_cancellation_instructor_notification_enabled: bool | None = None
    """Whether the instructor is notified of a cancellation."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    modified_date: OptionalTimestamp = None
    """Time of the last change."""

    @property
    def status_name(self) -> str:
        """Return ``active``, ``completed``, ``cancelled``, or ``status <number>`` if undocumented."""
        if isinstance(self.status_id, IltSessionStatus):
            return self.status_id.name.lower()
        return f"status {self.status_id}"

    @property
    def is_completed(self) -> bool:
        """Return whether the session was completed."""
        return self.status_id == IltSessionStatus.COMPLETED

    @property
    def is_cancelled(self) -> bool:
        """Return whether the session was cancelled."""
        return self.status_id == IltSessionStatus.CANCELLED


class IltSessionAttendee(Model):
    """A user registered for an ILT session. ``id`` is the attendee's, ``user_id`` the user's."""

    id: int
    """The attendee's id, not the user's."""

    user_id: int | None = None
    """The user's id."""

    session_id: int | None = None
    """The session's id."""

    lesson_schedule_id: int | None = None
    """Id of the user's schedule of the session's lesson."""

    user_name: str | None = None
    """The user's name to log in."""

    first_name: str | None = None
    """The user's first name."""

    last_name: str | None = None
    """The user's last name."""

    registering_user_id: int | None = None
    """Id of the user who made the registration."""

    registering_user_first_name: str | None = None
    """First name of the user who made the registration."""

    registering_user_last_name: str | None = None
    """Last name of the user who made the registration."""

    passed: bool | None = None
    """Whether the user passed."""

    attended: bool | None = None
    """Whether the user attended."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    modified_date: OptionalTimestamp = None
    """Time of the last change."""
