"""Lesson schedules: the assignment of a lesson to a user, with its dates and progress."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, ConfigDict, Field, JsonValue

from airflow_provider_damstra.models.base import Model, NullableList, Number, OptionalTimestamp


class LessonScheduleStatus(StrEnum):
    """The status of a lesson schedule."""

    SCHEDULED = "scheduled"
    DUE = "due"
    OVERDUE = "overdue"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class GracePeriodUnit(StrEnum):
    """The unit of a grace period: the time a trainee has to complete a lesson."""

    DAYS = "days"
    MONTHS = "months"


class _Schedule(Model):
    """The fields of both representations of a schedule. Durations and progress are in milliseconds."""

    id: int
    """Id of the lesson schedule."""

    user_id: int | None = None
    """Id of the trainee."""

    lesson_id: int | None = None
    """Id of the lesson."""

    lesson_version_id: int | None = None
    """Id of the version of the lesson."""

    version: int | None = None
    """Number of that version."""

    lesson_name: str | None = None
    """Name of the lesson."""

    lesson_duration: Number | None = None
    """Length of the lesson in milliseconds."""

    lesson_evolution: Number | None = None
    """Whether the lesson is a module or a video, as a number."""

    start_date: OptionalTimestamp = None
    """Start: the lesson cannot be done earlier."""

    end_date: OptionalTimestamp = None
    """Due date."""

    lesson_started_date: OptionalTimestamp = None
    """Time at which the trainee started the lesson."""

    lesson_completed_date: OptionalTimestamp = None
    """Time of completion; None if it is not completed."""

    lesson_completed_by: int | None = None
    """Id of the user who completed it or recorded the completion."""

    lesson_completed_by_name: str | None = None
    """Name of that user."""

    user_first_name: str | None = None
    """The trainee's first name."""

    user_last_name: str | None = None
    """The trainee's last name."""

    progress: Number | None = None
    """Position of the trainee in the lesson in milliseconds."""

    chapter_count: int | None = None
    """Number of chapters."""

    questionnaire_type: int | None = None
    """Id of the type of the test."""

    question_count: int | None = None
    """Number of questions."""

    type_id: int | None = None
    """Id of the method by which it was scheduled."""

    completion_type_id: int | None = None
    """Id of the method by which it was completed."""

    thumbnail_id: int | None = None
    """Id of the lesson's thumbnail."""

    lesson_thumbnail: str | None = None
    """URI of the lesson's thumbnail."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    modified_date: OptionalTimestamp = None
    """Time of the last change."""

    @property
    def is_completed(self) -> bool:
        """Return whether the lesson was completed, also with a failed test."""
        return self.lesson_completed_date is not None


class LessonSchedule(_Schedule):
    """A lesson schedule, as ``GetLessonSchedule`` returns it: without a status."""

    active: bool | None = None
    """Active flag."""

    client_id: int | None = None
    """Id of the trainee's organisation."""

    client_name: str | None = None
    """Name of the trainee's organisation."""

    reminders: NullableList[JsonValue] = Field(default_factory=list)
    """Reminders sent to the trainee; undocumented JSON."""

    question_results: NullableList[JsonValue] = Field(default_factory=list)
    """Questions and answers; undocumented JSON."""

    user_user_name: str | None = None
    """The trainee's user name."""

    user_employee_number: str | None = None
    """The trainee's employee number."""

    user_groups: NullableList[JsonValue] = Field(default_factory=list)
    """The trainee's groups; undocumented JSON."""

    supervisors: NullableList[JsonValue] = Field(default_factory=list)
    """The trainee's supervisors; undocumented JSON."""

    published: int | None = None
    """Id of the publishing status of the lesson."""

    questionnaire_pass_rate: Number | None = None
    """Percentage that passes the test."""

    schedule_over_email_attempted: bool | None = None
    """Whether an e-mail with the lesson was sent to the trainee."""

    overdue_email_attempted: bool | None = None
    """Whether an e-mail about the overdue lesson was sent."""

    movie_id: int | None = None
    """Id of the video."""

    movie_physical_uri: Annotated[
        str | None,
        Field(validation_alias=AliasChoices("moviePhysicalURI"), serialization_alias="moviePhysicalURI"),
    ] = None
    """URI of the video."""

    movie_size_in_bytes: int | None = None
    """Size of the video in bytes."""


_NOT_OPEN = frozenset({LessonScheduleStatus.CANCELLED, LessonScheduleStatus.OVERDUE})


class _StatusMixin:
    """Properties derived from a schedule's status and completion date."""

    status: LessonScheduleStatus | str | None
    lesson_completed_date: datetime | None

    @property
    def state(self) -> str:
        """Return ``completed``, ``cancelled``, ``overdue`` or ``open`` for every other status."""
        if self.lesson_completed_date is not None or self.status == LessonScheduleStatus.COMPLETED:
            return "completed"
        return str(self.status) if self.status in _NOT_OPEN else "open"

    @property
    def is_completed(self) -> bool:
        """Return whether the lesson was completed, also with a failed test."""
        return self.state == "completed"

    @property
    def is_cancelled(self) -> bool:
        """Return whether the schedule was cancelled; it cannot be completed any more."""
        return self.state == "cancelled"

    @property
    def is_overdue(self) -> bool:
        """Return whether the due date has passed; the lesson can still be completed."""
        return self.state == "overdue"

    @property
    def is_open(self) -> bool:
        """Return whether the lesson can still be completed; scheduling it again would conflict."""
        return self.state in ("open", "overdue")


_Status = Annotated[LessonScheduleStatus | str | None, Field(union_mode="left_to_right")]


class UserLessonSchedule(_StatusMixin, _Schedule):
    """A lesson schedule, as ``ListUserLessonSchedules`` returns it: with a status."""

    schedule_type: str | None = None
    """Method by which it was scheduled, such as ``automatic``."""

    status: _Status = None
    """Status; text for an undocumented one."""

    status_id: int | None = None
    """Id of the status."""


class LessonScheduleSummary(_StatusMixin, Model):
    """The fields of a user's lesson schedule that sensors need: fast to parse."""

    model_config = ConfigDict(extra="ignore")

    id: int
    """Id of the lesson schedule."""

    user_id: int | None = None
    """Id of the trainee."""

    lesson_id: int | None = None
    """Id of the lesson."""

    lesson_version_id: int | None = None
    """Id of the version of the lesson."""

    lesson_name: str | None = None
    """Name of the lesson."""

    user_first_name: str | None = None
    """The trainee's first name."""

    user_last_name: str | None = None
    """The trainee's last name."""

    start_date: OptionalTimestamp = None
    """Start: the lesson cannot be done earlier."""

    end_date: OptionalTimestamp = None
    """Due date."""

    lesson_completed_date: OptionalTimestamp = None
    """Time of completion; None if it is not completed."""

    status: _Status = None
    """Status; text for an undocumented one."""


class LessonScheduleTimes(_StatusMixin, Model):
    """The fields of a user's lesson schedule that a training status depends on: fast to parse."""

    model_config = ConfigDict(extra="ignore")

    id: int
    """Id of the lesson schedule."""

    lesson_id: int | None = None
    """Id of the lesson."""

    lesson_version_id: int | None = None
    """Id of the version of the lesson."""

    end_date: OptionalTimestamp = None
    """Due date."""

    lesson_completed_date: OptionalTimestamp = None
    """Time of completion; None if it is not completed."""

    created_date: OptionalTimestamp = None
    """Time of creation."""

    status: _Status = None
    """Status; text for an undocumented one."""
