"""Lesson schedules: the assignment of a lesson to a user, with its dates and progress."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AliasChoices, ConfigDict, Field

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
    user_id: int | None = None
    lesson_id: int | None = None
    lesson_version_id: int | None = None
    version: int | None = None
    lesson_name: str | None = None
    lesson_duration: Number | None = None
    lesson_evolution: Number | None = None
    start_date: OptionalTimestamp = None
    end_date: OptionalTimestamp = None
    lesson_started_date: OptionalTimestamp = None
    lesson_completed_date: OptionalTimestamp = None
    lesson_completed_by: int | None = None
    lesson_completed_by_name: str | None = None
    user_first_name: str | None = None
    user_last_name: str | None = None
    progress: Number | None = None
    chapter_count: int | None = None
    questionnaire_type: int | None = None
    question_count: int | None = None
    type_id: int | None = None
    completion_type_id: int | None = None
    thumbnail_id: int | None = None
    lesson_thumbnail: str | None = None
    created_date: OptionalTimestamp = None
    modified_date: OptionalTimestamp = None

    @property
    def is_completed(self) -> bool:
        """Return whether the lesson was completed."""
        return self.lesson_completed_date is not None


class LessonSchedule(_Schedule):
    """A lesson schedule, as ``GetLessonSchedule`` returns it: without a status."""

    active: bool | None = None
    client_id: int | None = None
    client_name: str | None = None
    reminders: NullableList[Any] = Field(default_factory=list)
    question_results: NullableList[Any] = Field(default_factory=list)
    user_user_name: str | None = None
    user_employee_number: str | None = None
    user_groups: NullableList[Any] = Field(default_factory=list)
    supervisors: NullableList[Any] = Field(default_factory=list)
    published: int | None = None
    questionnaire_pass_rate: Number | None = None
    schedule_over_email_attempted: bool | None = None
    overdue_email_attempted: bool | None = None
    movie_id: int | None = None
    movie_physical_uri: Annotated[
        str | None,
        Field(validation_alias=AliasChoices("moviePhysicalURI"), serialization_alias="moviePhysicalURI"),
    ] = None
    movie_size_in_bytes: int | None = None


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
        """Return whether the lesson was completed."""
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
    status: _Status = None
    status_id: int | None = None


class LessonScheduleSummary(_StatusMixin, Model):
    """The fields of a user's lesson schedule that sensors need: fast to parse."""

    model_config = ConfigDict(extra="ignore")

    id: int
    user_id: int | None = None
    lesson_id: int | None = None
    lesson_name: str | None = None
    user_first_name: str | None = None
    user_last_name: str | None = None
    start_date: OptionalTimestamp = None
    lesson_completed_date: OptionalTimestamp = None
    status: _Status = None
