"""The outcome of a task, in one form for all modes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
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
_TIMEOUT_SENTENCE = re.compile(
    r".*ensor has timed out(; run duration of \S+ seconds exceeds the specified timeout of \S+)?\.( |$)"
)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task.

    :param result: what a successful task returned.
    :param message: why another did not succeed; ``TIMED_OUT`` for a timeout, of which Airflow has its own
        message on a worker.
    :param progress: the rest of a timeout's message.
    """

    state: FinalState
    result: object = None
    message: str = ""
    progress: str = field(default="", compare=False)


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
        return outcome_with(FinalState.SKIPPED, str(error.__cause__ or error))
    is_final = isinstance(error, AirflowFailException | AirflowSensorTimeout)
    return outcome_with(FinalState.FAILED if is_final else FinalState.UP_FOR_RETRY, str(error))


def outcome_with(state: FinalState, message: str) -> Outcome:
    """Return an outcome, with the parts of a timeout's message."""
    timeout = _TIMEOUT_SENTENCE.match(message)
    if timeout is None:
        return Outcome(state, message=message)
    return Outcome(state, message=TIMED_OUT, progress=message[timeout.end() :])
