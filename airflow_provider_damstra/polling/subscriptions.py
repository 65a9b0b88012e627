"""The state of the shared poller: a ``Subscription`` for each task, a ``PolledQuery`` for each query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import Condition, PollResult, Query, QueryFilter, page_cache_for
from airflow_provider_damstra.conditions.progress import describe_progress
from airflow_provider_damstra.endpoints.lesson_schedule import (
    DownloadCertificate,
    GetLessonSchedule,
    ListUserLessonSchedules,
)

if TYPE_CHECKING:
    import asyncio
    from contextvars import Context

    from airflow_provider_damstra.polling.poller import SharedPoller

PROGRESS_INTERVAL = 10.0
"""Seconds between two progress lines of a subscription."""

LAST_POLL_SECONDS = 3.0
"""Time for one poll of a subscription that begins after its deadline, so that its error names what is open.

It is shorter than ``triggers.deadlines.TIMEOUT_MARGIN``, after which Airflow ends the trigger.
"""

PAUSE_PER_QUERY = 0.0002
"""Seconds between two evaluations of a condition, and two lines about failures, for each of its queries.

What these cost grows with the number of queries, and so does the number of responses: without a pause the
polls of thousands of people would cost the square of their number.
"""


@dataclass(eq=False, slots=True)
class Subscription:
    """A condition that is polled until it is done; an asynchronous context manager.

    Entering subscribes to the condition's queries and returns the future of its result; leaving cancels the
    subscription. Thousands of them can exist, so the memory of each matters: sets and dictionaries that
    are mostly empty are None instead.

    :param log: function that logs a line; called in ``context``, so that the task's log contains it.
    :param deadline: time of the event loop at which the result is a ``TimeoutError``, or None.
    :param result: the future of the result, or of the error that ended the subscription.
    :param max_queries: largest number of queries so far.
    :param failures: consecutive failures of each query, and the time at which the last one was counted.
    :param refresh_at: earliest time of the next evaluation of the condition.
    :param refresh_timer: timer of an evaluation at that time.
    :param failure_at: earliest time of the next line about a failure.
    """

    poller: SharedPoller
    condition: Condition
    poll_interval: float
    max_poll_failures: int
    log: Callable[[str], None]
    deadline: float | None
    context: Context
    result: asyncio.Future[PollResult]
    timer: asyncio.TimerHandle | None = None
    queries: dict[Query, QueryFilter] = field(default_factory=dict)
    max_queries: int = 0
    pending: set[Query] | None = None
    failures: dict[Query, tuple[int, float]] | None = None
    last_line: str = ""
    progress_at: float = float("-inf")
    refresh_at: float = float("-inf")
    refresh_timer: asyncio.TimerHandle | None = None
    failure_at: float = float("-inf")

    async def __aenter__(self) -> asyncio.Future[PollResult]:
        await self.poller.add(self)
        return self.result

    async def __aexit__(self, *_: object) -> None:
        await self.poller.remove(self)

    def expires_at(self, *, now: float) -> float | None:
        """Return the time of the ``TimeoutError``: the deadline, or that of a last poll if it has passed."""
        if self.deadline is None or self.deadline > now:
            return self.deadline
        return now + LAST_POLL_SECONDS

    def start_timer(self, loop: asyncio.AbstractEventLoop, expires_at: float | None) -> None:
        """Set the timer of the ``TimeoutError``."""
        if expires_at is not None:
            self.timer = loop.call_at(expires_at, self.expire, context=self.context)

    def cancel_timers(self) -> None:
        """Cancel the timers of the deadline and of the next evaluation."""
        for timer in (self.timer, self.refresh_timer):
            if timer:
                timer.cancel()

    @property
    def pause(self) -> float:
        """Return the seconds between two operations whose cost grows with the largest number of queries."""
        return self.max_queries * PAUSE_PER_QUERY

    def set_queries(self, queries: dict[Query, QueryFilter]) -> None:
        """Replace the queries."""
        self.queries = queries
        self.max_queries = max(self.max_queries, len(queries))

    def is_pending(self, query: Query) -> bool:
        """Return whether the condition has no response to a query yet."""
        return self.pending is not None and query in self.pending

    def add_pending(self, query: Query) -> None:
        """Mark a query as waiting for its first response."""
        if self.pending is None:
            self.pending = set()
        self.pending.add(query)

    def discard_pending(self, query: Query) -> None:
        """Mark a query as responded to, or as no longer needed."""
        if self.pending is not None:
            self.pending.discard(query)
            self.pending = self.pending or None

    def update(self, query: Query, response: Any) -> None:
        """Pass a response to the condition."""
        self.discard_pending(query)
        self.condition.update(query, response)

    def count_failure(self, query: Query, *, now: float) -> int:
        """Count a failure of a query, and return its number of consecutive failures.

        At most one is counted per interval: other subscriptions may poll the query more often.
        """
        if self.failures is None:
            self.failures = {}
        count, counted_at = self.failures.get(query, (0, float("-inf")))
        if now - counted_at >= self.poll_interval * 0.9:
            count, counted_at = count + 1, now
        self.failures[query] = count, counted_at
        return count

    def reset_failures(self, query: Query) -> bool:
        """Reset the failures of a query, and return whether it had any; the progress is then logged again."""
        if not self.failures or self.failures.pop(query, None) is None:
            return False
        self.last_line = ""
        return True

    def finish(self, result: PollResult) -> None:
        """Set the result."""
        if not self.result.done():
            self.result.set_result(result)

    def fail(self, error: Exception) -> None:
        """Set an error as the result."""
        if not self.result.done():
            self.result.set_exception(error)

    def expire(self) -> None:
        """Set a ``TimeoutError`` with the progress and the open items as the result."""
        try:
            is_polled = self.queries and not self.pending
            progress = self.condition.evaluate().progress if is_polled else "The first poll has not ended"
            self.fail(TimeoutError(describe_progress(progress, self.condition)))
        except Exception as error:
            self.fail(error)

    def is_new_progress(self, progress: str, *, now: float) -> bool:
        """Return whether to log a progress: if it has changed, at most once per ``PROGRESS_INTERVAL``."""
        if self.last_line and now - self.progress_at < PROGRESS_INTERVAL:
            return False
        self.progress_at = now
        return self.is_new_line(progress)

    def is_new_failure(self, text: str, *, now: float) -> bool:
        """Return whether to log a failure: one of many queries at most once per pause."""
        if now < self.failure_at or not self.is_new_line(text):
            return False
        self.failure_at = now + self.pause
        return True

    def is_new_line(self, text: str) -> bool:
        """Return whether to log a line, which is if it does not repeat the last one."""
        if not text or text == self.last_line:
            return False
        # Many subscriptions log equal lines and share one string.
        self.last_line = intern(text)
        return True

    def log_line(self, text: str) -> None:
        """Log a line in the context of the task."""
        self.context.run(self.log, text)


@dataclass(eq=False)
class PolledQuery:
    """One query, its last response, and the filters of all subscriptions to it.

    :param due_at: time of the timer; uvloop's handle of a time in the past does not have it.
    :param blocked_until: earliest time of the next request, as set by a ``Retry-After`` header.
    """

    query: Query
    subscriptions: dict[Subscription, QueryFilter] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    due_at: float = float("-inf")
    is_queued: bool = False
    is_expedited: bool = False
    failures: int = 0
    response: Any = None
    is_complete: bool = False
    polled_at: float = float("-inf")
    received_at: float = float("-inf")
    blocked_until: float = float("-inf")

    def __post_init__(self) -> None:
        self.page_cache = page_cache_for(self.query)

    def required_row_keys(self) -> frozenset[int] | None:
        """Return the keys of the rows that any subscription needs, or None for all rows."""
        required = [query_filter.row_keys for query_filter in self.subscriptions.values()]
        if None in required:
            return None
        return frozenset().union(*(rows for rows in required if rows is not None))

    def not_before(self) -> datetime | None:
        """Return the earliest time at which the response can change, or None if it can change at any time."""
        starts = [query_filter.not_before for query_filter in self.subscriptions.values()]
        return None if None in starts else min(start for start in starts if start)

    def satisfies(self, query_filter: QueryFilter) -> bool:
        """Return whether the last response contains all rows that a filter needs."""
        return self._contains(self._partial_keys(), query_filter)

    def satisfied(self) -> list[tuple[Subscription, QueryFilter]]:
        """Return the subscriptions for which the last response contains all rows that they need."""
        keys = self._partial_keys()
        return [item for item in self.subscriptions.items() if self._contains(keys, item[1])]

    def _partial_keys(self) -> set[int]:
        """Return the keys of the rows of an incomplete listing."""
        is_partial = not self.is_complete and isinstance(self.response, list)
        return {row.row_key for row in self.response} if is_partial else set()

    def _contains(self, keys: set[int], query_filter: QueryFilter) -> bool:
        if self.is_complete or not isinstance(self.response, list):
            return self.is_complete
        return query_filter.row_keys is not None and keys.issuperset(query_filter.row_keys)

    def changed_rows(self, response: Any) -> frozenset[int] | None:
        """Return the keys of the rows that differ from the last response; None means that any may differ."""
        if response == self.response:
            return frozenset()
        if not (isinstance(response, list) and isinstance(self.response, list)):
            return None
        before = {row.row_key: row for row in self.response}
        after = {row.row_key: row for row in response}
        return frozenset(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))

    def cancel_timer(self) -> None:
        """Cancel the next poll."""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def matches(self, *, lesson_schedule_ids: frozenset[int], user_ids: frozenset[int]) -> bool:
        """Return whether the response may contain one of these schedules, or schedules of these users."""
        if isinstance(self.query, (DownloadCertificate, GetLessonSchedule)):
            return self.query.lesson_schedule_id in lesson_schedule_ids
        if not isinstance(self.query, ListUserLessonSchedules):
            return False
        required = [query_filter.row_keys or () for query_filter in self.subscriptions.values()]
        listed = {row.row_key for row in self.response} if isinstance(self.response, list) else set()
        return self.query.user_id in user_ids or not lesson_schedule_ids.isdisjoint(listed.union(*required))
