"""How a task ended, told in the same words whichever way it went."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)


class Ending(StrEnum):
    """What Airflow makes of the task."""

    SUCCESS = "success"
    SKIPPED = "skipped"
    FAILED = "failed"
    TRIED_AGAIN = "up for retry"


TIME_IS_UP = "Its time is up."


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    :param result: what it returned, of a success.
    :param message: why it did not succeed. That time was up has one text here: Airflow says it in one way on
        a worker, and in another where the scheduler notices it.
    """

    ending: Ending
    result: object = None
    message: str = ""


def skipped(message: str) -> Outcome:
    """Return the outcome of a task that is skipped."""
    return Outcome(Ending.SKIPPED, message=message)


def failed(message: str) -> Outcome:
    """Return the outcome of a task that failed, and is not tried again."""
    return Outcome(Ending.FAILED, message=message)


def tried_again(message: str) -> Outcome:
    """Return the outcome of a task that failed, and is tried again if it has retries."""
    return Outcome(Ending.TRIED_AGAIN, message=message)


def outcome_of(error: Exception) -> Outcome:
    """Return what Airflow's task runner makes of an exception that leaves a sensor."""
    if isinstance(error, AirflowSkipException):
        # Airflow says only that soft_fail is set: why it came to that is the cause.
        return skipped(_text(error.__cause__ or error))
    if isinstance(error, AirflowFailException | AirflowSensorTimeout):
        return failed(_text(error))
    return tried_again(_text(error))


def _text(error: BaseException) -> str:
    is_late = isinstance(error, AirflowSensorTimeout) or "Sensor has timed out" in str(error)
    return TIME_IS_UP if is_late else str(error)
