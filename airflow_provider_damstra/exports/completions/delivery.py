"""Deliver many completions: what was delivered before is skipped, and one failure stops no other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from airflow_provider_damstra.errors import DamstraError, affects_every_call, is_permanent
from airflow_provider_damstra.exports.completions.completion import (
    CompletedSchedule,
    Completion,
    UnusableCompletionError,
    completion_reader,
)
from airflow_provider_damstra.exports.completions.endpoint import DeliveryError
from airflow_provider_damstra.services.concurrency import map_concurrently
from airflow_provider_damstra.text import join_first

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls

Result = TypeVar("Result")

MAX_CONSECUTIVE_FAILURES = 10
"""Failures in a row after which the rest is not tried, without those of single completions.

The completions of a person whom the endpoint does not know are refused one after the other, in every run.
"""

_BATCH_SIZE = 100

log = logging.getLogger(__name__)


class ReceiptState(StrEnum):
    """Whether a completion has a receipt."""

    MISSING = "missing"
    """It was not delivered, or it is not known."""

    OWN = "own"
    """An earlier try of this task instance delivered it."""

    OTHER = "other"
    """Another task or DAG run delivered it."""


class SupportsReceipts(Protocol):
    """Interface of the receipts of earlier deliveries."""

    def state(self, lesson_schedule_id: int) -> ReceiptState:
        """Return whether a completion has a receipt."""


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[Result]):
    """What became of one completion.

    :param result: what ``deliver`` returned; None if it was not called.
    :param reason: why it was not delivered; empty if it was.
    :param is_skipped: whether it was delivered before by another task or DAG run.
    :param is_permanent: whether a retry of the task is useless.
    :param concerns_others: whether the cause of the failure is not this completion.
    """

    lesson_schedule_id: int
    result: Result | None = None
    reason: str = ""
    is_skipped: bool = False
    is_permanent: bool = False
    concerns_others: bool = False


class CompletionDelivery:
    """Deliver completions, and count them.

    :param client: reads the completions.
    :param receipts: what was delivered before.
    :param redeliver: whether also completions are delivered that have a receipt of another task or DAG run.
    :param delivers_own_again: whether a try delivers also what earlier tries of this task instance did.
    :param max_concurrency: completions that are delivered concurrently.
    :ivar failures: the reasons by lesson schedule id.
    :ivar is_stopped: whether the rest was not tried after too many failures in a row.
    """

    def __init__(
        self,
        client: SupportsCalls,
        receipts: SupportsReceipts,
        *,
        redeliver: bool,
        delivers_own_again: bool,
        max_concurrency: int,
    ) -> None:
        self.delivered = self.skipped = 0
        self.failures: dict[int, str] = {}
        self.is_stopped = False
        self._has_retryable_failure = False
        self._read = completion_reader(client)
        self._receipts = receipts
        self._redeliver = redeliver
        self._delivers_own_again = delivers_own_again
        self._max_concurrency = max_concurrency
        self._lock = threading.Lock()
        self._consecutive_failures = 0

    def run(
        self, batches: Iterable[list[CompletedSchedule]], deliver: Callable[[Completion], Result]
    ) -> Iterator[Result]:
        """Deliver completions and yield the results of ``deliver``, in order.

        :param deliver: delivers one completion; called in several threads. Its ``DeliveryError`` concerns
            this completion only, every other exception ends the delivery.
        :raises DamstraError: if a call failed for a reason that affects every call.
        """
        remaining = chain.from_iterable(batches)
        while not self.is_stopped and (batch := list(islice(remaining, _BATCH_SIZE))):
            outcomes = map_concurrently(
                partial(self._process, deliver),
                batch,
                description="completions of a batch processed",
                max_workers=self._max_concurrency,
            )
            for outcome in outcomes:
                self._count(outcome)
                if outcome.result is not None:
                    yield outcome.result

    def counts(self) -> dict[str, int]:
        """Return the numbers of completions that were ``delivered``, ``skipped`` and ``failed``."""
        return {"delivered": self.delivered, "skipped": self.skipped, "failed": len(self.failures)}

    def failure_message(self, failed_users: Mapping[int, str]) -> str | None:
        """Return which completions were not delivered, and why; None if all were.

        :param failed_users: why the listings of users could not be read, by user id.
        """
        lines = [f"lesson schedule {one}: {reason}" for one, reason in self.failures.items()]
        lines += [f"user {one}: {reason}" for one, reason in failed_users.items()]
        if not lines:
            return None
        summary = (
            f"{len(self.failures)} completions were not delivered, {self.delivered} were, "
            f"{self.skipped} have been before."
        )
        if failed_users:
            summary += f" The lesson schedules of {len(failed_users)} users could not be read."
        if self.is_stopped:
            summary += f" The others were not tried after {MAX_CONSECUTIVE_FAILURES} failures in a row."
        return "\n  ".join([summary, join_first(lines, separator="\n  ")])

    @property
    def is_retry_useless(self) -> bool:
        """Return whether a retry of the task would fail for the same reasons."""
        return bool(self.failures) and not self._has_retryable_failure

    def _process(
        self, deliver: Callable[[Completion], Result], completed: CompletedSchedule
    ) -> _Outcome[Result]:
        if self.is_stopped:
            return _Outcome(completed.id, reason="it was not tried")
        state = self._receipts.state(completed.id)
        if state is ReceiptState.OTHER and not self._redeliver:
            return _Outcome(completed.id, is_skipped=True)
        if state is ReceiptState.OWN and not self._delivers_own_again:
            return _Outcome(completed.id)
        outcome = self._try_to_deliver(deliver, completed)
        with self._lock:
            if not outcome.reason:
                self._consecutive_failures = 0
            elif outcome.concerns_others:
                self._consecutive_failures += 1
            if self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES:
                self.is_stopped = True
        return outcome

    def _try_to_deliver(
        self, deliver: Callable[[Completion], Result], completed: CompletedSchedule
    ) -> _Outcome[Result]:
        try:
            return _Outcome(completed.id, result=deliver(self._read(completed)))
        except UnusableCompletionError as error:
            reason, is_useless, concerns_others = str(error), True, False
        except DeliveryError as error:
            reason, is_useless, concerns_others = str(error), error.is_permanent, error.concerns_others
        except DamstraError as error:
            if affects_every_call(error):
                raise
            reason, is_useless, concerns_others = str(error), is_permanent(error), not is_permanent(error)
        log.error("Lesson schedule %d was not delivered: %s", completed.id, reason)
        return _Outcome(completed.id, reason=reason, is_permanent=is_useless, concerns_others=concerns_others)

    def _count(self, outcome: _Outcome[Any]) -> None:
        if outcome.reason:
            self.failures[outcome.lesson_schedule_id] = outcome.reason
            self._has_retryable_failure = self._has_retryable_failure or not outcome.is_permanent
        elif outcome.is_skipped:
            self.skipped += 1
        else:
            self.delivered += 1
