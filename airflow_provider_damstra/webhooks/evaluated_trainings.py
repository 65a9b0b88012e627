"""The training statuses of people as a task sends them to the receiver."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from airflow_provider_damstra.requirements.status import TrainingState
from airflow_provider_damstra.requirements.training_events import Period
from airflow_provider_damstra.webhooks.events import MAX_INTEGER, MAX_NAME_LENGTH

if TYPE_CHECKING:
    from airflow_provider_damstra.requirements.status import TrainingStatus

MAX_TRAININGS = 250
"""Trainings in one request at most: their events are registered in one transaction."""


def _clean(text: str) -> str:
    """Return a name that every database and UTF-8 can hold."""
    return text[:MAX_NAME_LENGTH].replace("\0", "\ufffd").encode(errors="replace").decode()


_Name = Annotated[str, BeforeValidator(_clean)]
_Id = Annotated[int, Field(ge=1, le=MAX_INTEGER)]


class EvaluatedTraining(BaseModel):
    """The status of a person's training in a lesson.

    :param rule: name of the rule that decides.
    :param lesson_schedule_id: the schedule of the completion that counts or counted last.
    """

    model_config = ConfigDict(frozen=True)

    user_id: _Id
    lesson_id: _Id
    lesson_name: _Name
    rule: _Name
    state: TrainingState
    lesson_schedule_id: _Id | None = None
    completed_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    valid_through: date | None = None

    @classmethod
    def from_status(cls, user_id: int, status: TrainingStatus) -> EvaluatedTraining:
        """Return the training of a status."""
        return cls(
            user_id=user_id,
            lesson_id=status.requirement.lesson_id,
            lesson_name=status.requirement.lesson_name,
            rule=status.requirement.rule,
            state=status.state,
            lesson_schedule_id=status.completed_schedule_id,
            completed_at=status.completed_at,
            expires_at=status.expires_at,
            valid_through=status.valid_through,
        )

    def period(self) -> Period | None:
        """Return the period of its completion; None if there is none."""
        if self.lesson_schedule_id is None:
            return None
        return Period(
            lesson_schedule_id=self.lesson_schedule_id,
            completed_at=self.completed_at,
            valid_through=self.valid_through,
            # It has expired, too, if the lesson is scheduled again.
            state=self.state if self.state.is_trained else TrainingState.EXPIRED,
        )

    def payload(self) -> dict[str, Any]:
        """Return the payload of the training's asset event."""
        return self.model_dump(mode="json")


class EvaluatedTrainings(BaseModel):
    """Trainings that were evaluated for one point in time.

    :param at: the time for which, not at which, they were evaluated.
    """

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    trainings: Annotated[tuple[EvaluatedTraining, ...], Field(max_length=MAX_TRAININGS)]
