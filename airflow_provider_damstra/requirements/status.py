"""A requirement, the lesson schedules that decide about it, and the status of a person by them: values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_damstra.models.timestamps import to_utc

if TYPE_CHECKING:
    from datetime import date, datetime

    from pendulum import Duration

    from airflow_provider_damstra.models.lesson_schedule import LessonScheduleTimes, UserLessonSchedule
    from airflow_provider_damstra.requirements.rules import GracePeriod


class TrainingState(StrEnum):
    """State of a person for a requirement, the most urgent last."""

    CURRENT = "current"
    """A completion counts, and not yet in the time before its validity ends that ``warn_before`` names."""

    EXPIRING = "expiring"
    """A completion counts, but its validity ends soon."""

    ASSIGNED = "assigned"
    """No completion counts; the lesson is scheduled and not overdue."""

    MISSING = "missing"
    """The lesson was never completed in a way that counts, and is not scheduled."""

    EXPIRED = "expired"
    """The validity of the last completion that counted has ended, and the lesson is not scheduled."""

    OVERDUE = "overdue"
    """No completion counts; the lesson is scheduled, and its due date has passed."""

    @property
    def is_trained(self) -> bool:
        """Return whether the person meets the requirement: ``current`` or ``expiring``."""
        return self in (TrainingState.CURRENT, TrainingState.EXPIRING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One lesson of a rule, with the ids that the names in the rule stand for.

    :param rule: name of the rule.
    :param position: where the rule is in its document, for messages.
    :param lesson_version_id: the newest version that can be scheduled, or else the newest.
    :param can_be_scheduled: whether that version can be scheduled.
    :param grace_period: time to complete the lesson after it was scheduled.
    :param current_version_only: whether completions of other versions do not count.
    """

    rule: str
    position: str
    lesson_id: int
    lesson_name: str
    lesson_version_id: int
    can_be_scheduled: bool = True
    valid_for: Duration | None = None
    warn_before: Duration | None = None
    grace_period: GracePeriod | None = None
    current_version_only: bool = False
    require_passed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleRecord:
    """The fields of a lesson schedule that the status depends on."""

    id: int
    lesson_id: int | None
    lesson_version_id: int | None = None
    state: str = "open"
    created_at: datetime | None = None
    due_at: datetime | None = None
    completed_at: datetime | None = None

    @classmethod
    def from_row(cls, row: UserLessonSchedule | LessonScheduleTimes) -> ScheduleRecord:
        """Return the record of a schedule as the API lists it, with times in UTC."""
        created, due, completed = (
            value and to_utc(value) for value in (row.created_date, row.end_date, row.lesson_completed_date)
        )
        return cls(
            id=row.id,
            lesson_id=row.lesson_id,
            lesson_version_id=row.lesson_version_id,
            state=row.state,
            created_at=created,
            due_at=due,
            completed_at=completed,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingStatus:
    """Whether a person meets a requirement at a time.

    :param completed_at: time of the completion that counts or counted last, in UTC.
    :param expires_at: time, in UTC, from which that completion does not count; None is never.
    :param valid_through: last day, in the person's time zone, on which it counts; None is for ever.
    :param completed_schedule_id: the schedule of that completion.
    :param lesson_schedule_id: the schedule that decides: of the completion while it counts or if there is no
        open schedule, or else the open one.
    :param open_schedule_id: the schedule that the person can complete now.
    :param due_at: due date of the open schedule, in UTC.
    :param reason: the status in words, with dates of the person's time zone.
    """

    requirement: Requirement
    state: TrainingState
    reason: str
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    valid_through: date | None = None
    completed_schedule_id: int | None = None
    lesson_schedule_id: int | None = None
    open_schedule_id: int | None = None
    due_at: datetime | None = None

    @property
    def needs_schedule(self) -> bool:
        """Return whether the lesson has to be scheduled now: it is not ``current``, and not scheduled."""
        return self.state is not TrainingState.CURRENT and self.open_schedule_id is None
