"""The outcome of a task, in one form for all modes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)


class FinalState(StrEnum):
    """The state in which Airflow leaves the task."""

    SUCCESS = "success"
    SKIPPED = "skipped"
    FAILED = "failed"
    UP_FOR_RETRY = "up for retry"


TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task.

    :param result: what a successful task returned.
    :param message: why another did not succeed; ``TIMED_OUT`` for a timeout, of which Airflow has one message
        on a worker and another in the scheduler.
    """

    state: FinalState
    result: object = None
    message: str = ""


def skipped(message: str) -> Outcome:
    """Return the outcome of a task that is skipped."""
    return Outcome(FinalState.SKIPPED, message=message)


def failed(message: str) -> Outcome:
    """Return the outcome of a task that failed and is not retried."""
    return Outcome(FinalState.FAILED, message=message)


def up_for_retry(message: str) -> Outcome:
    """Return the outcome of a task whose try failed."""
    return Outcome(FinalState.UP_FOR_RETRY, message=message)


def outcome_of(error: Exception) -> Outcome:
    """Return the outcome that Airflow's task runner derives from an exception of a sensor."""
    if isinstance(error, AirflowSkipException):
        # The message is that soft_fail is set; the reason is the cause.
        return skipped(_message(error.__cause__ or error))
    if isinstance(error, AirflowFailException | AirflowSensorTimeout):
        return failed(_message(error))
    return up_for_retry(_message(error))


def _message(error: BaseException) -> str:
    is_timeout = isinstance(error, AirflowSensorTimeout) or "ensor has timed out" in str(error)
    return TIMED_OUT if is_timeout else str(error)
