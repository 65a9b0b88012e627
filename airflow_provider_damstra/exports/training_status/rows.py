"""Rows of training statuses for files and tables, and their counts."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ConfigDict

from airflow_provider_damstra.exports.dataset import ComputedDataset
from airflow_provider_damstra.models.base import Model
from airflow_provider_damstra.requirements.status import TrainingState

if TYPE_CHECKING:
    from airflow_provider_damstra.requirements.status import TrainingStatus
    from airflow_provider_damstra.requirements.trainee import Trainee


class TrainingStatusRow(Model):
    """The status of one user for one lesson. Times are in UTC."""

    model_config = ConfigDict(extra="forbid")

    user_id: int
    """Id of the user."""

    employee_number: str | None = None
    """The organisation's number of the user."""

    name: str | None = None
    """First and last name."""

    email_address: str | None = None
    """E-mail address."""

    lesson_id: int
    """Id of the lesson."""

    lesson_name: str
    """Name of the lesson."""

    rule: str
    """Name of the rule that decides; of several rules for the lesson, the one with the most urgent state."""

    state: TrainingState
    """``current``, ``expiring``, ``assigned``, ``missing``, ``expired`` or ``overdue``."""

    completed_at: datetime | None = None
    """Time of the completion that counts or counted last."""

    expires_at: datetime | None = None
    """Time from which that completion does not count; None is never."""

    due_at: datetime | None = None
    """Due date of the open lesson schedule."""

    lesson_schedule_id: int | None = None
    """Id of the lesson schedule of that completion, or else of the open one."""

    reason: str
    """The status in words, with dates of the person's time zone."""

    evaluated_at: datetime
    """Time of the status."""


TRAINING_STATUS = ComputedDataset(
    name="training_status",
    model=TrainingStatusRow,
    key=("user_id", "lesson_id"),
    parent_column="user_id",
)


def status_row(trainee: Trainee, status: TrainingStatus, *, evaluated_at: datetime) -> bytes:
    """Return a status as a line of JSON, with a member for each field of ``TrainingStatusRow``."""
    return msgspec.json.encode(
        {
            "user_id": trainee.id,
            "employee_number": trainee.employee_number,
            "name": trainee.name,
            "email_address": trainee.email_address,
            "lesson_id": status.requirement.lesson_id,
            "lesson_name": status.requirement.lesson_name,
            "rule": status.requirement.rule,
            "state": status.state,
            "completed_at": status.completed_at,
            "expires_at": status.expires_at,
            "due_at": status.due_at,
            "lesson_schedule_id": status.lesson_schedule_id,
            "reason": status.reason,
            "evaluated_at": evaluated_at,
        }
    )


class StatusCounts:
    """Numbers of statuses by state, in all and for each lesson.

    :ivar people: number of users.
    """

    def __init__(self) -> None:
        self.people = 0
        self._last_user_id: int | None = None
        self._lesson_names: dict[int, str] = {}
        self._counts: Counter[tuple[int, TrainingState]] = Counter()

    def add(self, trainee: Trainee, status: TrainingStatus) -> None:
        """Count a status; those of one user follow each other."""
        self.people += trainee.id != self._last_user_id
        self._last_user_id = trainee.id
        requirement = status.requirement
        self._lesson_names[requirement.lesson_id] = requirement.lesson_name
        self._counts[requirement.lesson_id, status.state] += 1

    def states(self) -> dict[str, int]:
        """Return the number of statuses in each state, zeros included."""
        return {
            state.value: sum(count for (_, of), count in self._counts.items() if of is state)
            for state in TrainingState
        }

    def lessons(self) -> list[dict[str, Any]]:
        """Return for each lesson its ``lesson_id``, ``lesson_name`` and ``states``, in the order of names."""
        names = sorted(self._lesson_names.items(), key=lambda item: (item[1].casefold(), item[0]))
        return [
            {
                "lesson_id": lesson_id,
                "lesson_name": name,
                "states": {state.value: self._counts[lesson_id, state] for state in TrainingState},
            }
            for lesson_id, name in names
        ]
