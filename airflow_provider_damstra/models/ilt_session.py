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
    status_id: Annotated[IltSessionStatus | int | None, Field(union_mode="left_to_right")] = None
    instructor_id: int | None = None
    instructor_first_name: str | None = None
    instructor_last_name: str | None = None
    lesson_id: int | None = None
    lesson_name: str | None = None
    instructor_led: bool | None = None
    notes: str | None = None
    number_of_attendees: int | None = None
    number_of_places: int | None = None
    start_datetime: OptionalTimestamp = None
    end_datetime: OptionalTimestamp = None
    location: str | None = None
    state: Annotated[IltSessionStateName | str | None, Field(union_mode="left_to_right")] = None
    attendance_rate: float | None = None
    pass_rate: float | None = None
    ilt_session_cancellation_trainee_notification_enabled: bool | None = None
    ilt_session_cancellation_instructor_notification_enabled: bool | None = None
    created_date: OptionalTimestamp = None
    modified_date: OptionalTimestamp = None

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
    user_id: int | None = None
    session_id: int | None = None
    lesson_schedule_id: int | None = None
    user_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    registering_user_id: int | None = None
    registering_user_first_name: str | None = None
    registering_user_last_name: str | None = None
    passed: bool | None = None
    attended: bool | None = None
    created_date: OptionalTimestamp = None
    modified_date: OptionalTimestamp = None
