"""Who waits for which answer: what the poller keeps of waits and of questions."""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.conditions.base import Condition, PollResult, Query, QueryFilter, page_cache_for
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule, ListUserLessonSchedules

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextvars import Context
    from datetime import datetime

PROGRESS_EVERY = 10.0
"""Seconds at least between two lines in which a wait says how far it is. Its end says its result instead."""


@dataclass(slots=True)
class Failures:
    """How often a query failed in a row for one wait, and when it was counted last."""

    count: int = 0
    counted_at: float = float("-inf")


@dataclass(eq=False, slots=True)
class Subscription:
    """One wait, and whom to tell."""

    condition: Condition
    poll_interval: float
    max_poll_failures: int
    say: Callable[[str], None]
    context: Context
    over: asyncio.Future[PollResult]
    deadline: float | None = None
    queries: dict[Query, QueryFilter] = field(default_factory=dict)
    unanswered: set[Query] | None = None
    failures: dict[Query, Failures] | None = None
    said: str = ""
    said_at: float = float("-inf")

    def expect(self, query: Query) -> None:
        """Note that there is no answer to a query yet."""
        if self.unanswered is None:
            self.unanswered = set()
        self.unanswered.add(query)

    def expects(self, query: Query) -> bool:
        """Return whether there is no answer to a query yet."""
        return self.unanswered is not None and query in self.unanswered

    def settle(self, query: Query) -> None:
        """Note that a query is answered, or asked no more."""
        if self.unanswered is not None:
            self.unanswered.discard(query)
            # Even an empty set is large, and nearly all waits have none to expect.
            self.unanswered = self.unanswered or None

    def update(self, query: Query, answer: Any) -> None:
        """Hand the wait an answer."""
        self.settle(query)
        self.condition.update(query, answer)

    def count_failure(self, query: Query, *, now: float) -> int:
        """Return how often a query failed in a row, counted once an interval: others may ask it too."""
        if self.failures is None:
            self.failures = {}
        failures = self.failures.setdefault(query, Failures())
        if now - failures.counted_at >= self.poll_interval * 0.9:
            failures.count += 1
            failures.counted_at = now
        return failures.count

    def forget_failures(self, query: Query) -> bool:
        """Return whether a query had failed before it was answered now; then its wait says where it is."""
        if not self.failures or self.failures.pop(query, None) is None:
            return False
        self.said = ""
        return True

    def end(self, result: PollResult | None = None, *, error: Exception | None = None) -> None:
        """Wake the wait with its result, or with the error that it cannot bear any longer."""
        if self.over.done():
            return
        if error:
            self.over.set_exception(error)
        elif result:
            self.over.set_result(result)

    def tell_progress(self, text: str, *, now: float) -> None:
        """Log how far the wait is, but not every step: a cohort of a thousand takes thousands."""
        if not self.said or now - self.said_at >= PROGRESS_EVERY:
            self.said_at = now
            self.tell(text)

    def tell(self, text: str) -> None:
        """Log in the context of the wait's own task, so that it stands in that task's log."""
        if text and text != self.said:
            # Most waits say the same as others: one object for all.
            self.said = intern(text)
            self.context.run(self.say, text)


@dataclass(eq=False)
class PolledQuery:
    """One query, and all who want its answer, each with what it wants of it."""

    query: Query
    queries: dict[Subscription, QueryFilter] = field(default_factory=dict)
    timer: asyncio.Handle | None = None
    is_due: bool = False
    failures: int = 0
    answer: Any = None
    asked_at: float = float("-inf")
    answered_at: float = float("-inf")
    closed_until: float = float("-inf")
    is_whole: bool = False
    is_hurried: bool = False

    def __post_init__(self) -> None:
        self.page_cache = page_cache_for(self.query)

    def rows(self) -> frozenset[int] | None:
        """Return the rows that somebody wants, or None for all."""
        wanted = [query_filter.rows for query_filter in self.queries.values()]
        if None in wanted:
            return None
        return frozenset().union(*(rows for rows in wanted if rows is not None))

    def interval(self) -> float:
        """Return the shortest distance, in seconds, at which somebody wants to look."""
        return min(one.poll_interval for one in self.queries)

    def not_before(self) -> datetime | None:
        """Return when the answer can change at the earliest for anybody, or None for at any time."""
        starts = [query_filter.not_before for query_filter in self.queries.values()]
        return None if None in starts else min(start for start in starts if start)

    def serves(self, query_filter: QueryFilter) -> bool:
        """Return whether the answer that is there says all that is asked."""
        if self.is_whole or not isinstance(self.answer, list):
            return self.is_whole
        return query_filter.rows is not None and {row.row_key for row in self.answer}.issuperset(
            query_filter.rows
        )

    def news(self, answer: Any) -> frozenset[int] | None:
        """Return the rows in which an answer differs from the one before, or None if it may be all of it."""
        if not (isinstance(answer, list) and isinstance(self.answer, list)):
            return frozenset() if answer == self.answer else None
        if answer is self.answer:
            return frozenset()
        before = {row.row_key: row for row in self.answer}
        after = {row.row_key: row for row in answer}
        return frozenset(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))

    def stop(self) -> None:
        """Ask no more."""
        if self.timer:
            self.timer.cancel()

    def is_about(self, *, lesson_schedule_ids: frozenset[int], user_ids: frozenset[int]) -> bool:
        """Return whether the answer may tell of one of these schedules, or of one of these users'."""
        if isinstance(self.query, GetLessonSchedule):
            return self.query.lesson_schedule_id in lesson_schedule_ids
        if not isinstance(self.query, ListUserLessonSchedules):
            return False
        return self.query.user_id in user_ids or not lesson_schedule_ids.isdisjoint(self._schedules())

    def _schedules(self) -> set[int]:
        wanted = [query_filter.rows or () for query_filter in self.queries.values()]
        listed = self.answer if isinstance(self.answer, list) else []
        return {row.row_key for row in listed}.union(*wanted)
