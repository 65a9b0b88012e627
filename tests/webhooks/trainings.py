"""Training statuses for tests of their events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow_provider_damstra.requirements.status import Requirement, TrainingState, TrainingStatus
from airflow_provider_damstra.webhooks.evaluated_trainings import EvaluatedTraining, EvaluatedTrainings

CONN_ID = "damstra_default"
LESSON_ID = 201
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def status(state: str, *, lesson_id: int = LESSON_ID, schedule_id: int | None = 7) -> TrainingStatus:
    """Return a status of a completion on the day after ``START``; without a schedule, it is not completed."""
    requirement = Requirement(
        rule="Site", position="requirements[0]", lesson_id=lesson_id, lesson_name="Fire", lesson_version_id=1
    )
    completion: dict[str, Any] = {}
    if schedule_id is not None:
        completion = {
            "completed_schedule_id": schedule_id,
            "completed_at": START + DAY,
            "expires_at": START + 100 * DAY,
            "valid_through": date(2026, 6, 8),
        }
    return TrainingStatus(requirement=requirement, state=TrainingState(state), reason="", **completion)


MISSING = status("missing", schedule_id=None)


def evaluation(
    statuses: dict[int, TrainingStatus] | list[tuple[int, TrainingStatus]], *, day: int
) -> EvaluatedTrainings:
    """Return the evaluation of people's statuses, by user id, some days after ``START``."""
    pairs = statuses.items() if isinstance(statuses, dict) else statuses
    trainings = tuple(EvaluatedTraining.from_status(user_id, one) for user_id, one in pairs)
    return EvaluatedTrainings(at=START + day * DAY, trainings=trainings)
