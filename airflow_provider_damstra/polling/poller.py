"""Polling for many waits together: one client, one rate limit and one answer for all who ask the same."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_damstra.conditions.base import Condition, PollResult, Query, QueryFilter, is_not_found
from airflow_provider_damstra.errors import DamstraError, is_permanent
from airflow_provider_damstra.hooks.metrics import gauge_waiting_tasks
from airflow_provider_damstra.polling.client import ReloadingClient, ask
from airflow_provider_damstra.polling.schedule import next_poll_at
from airflow_provider_damstra.polling.subscriptions import PolledQuery, Subscription
from airflow_provider_damstra.polling.timeouts import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

EXPEDITED_INTERVAL = 1.0
"""Seconds that lie between two times that the same query is asked, however often somebody hurries it."""

GAUGE_INTERVAL = 1.0
"""Seconds at least between two times that the number of waits is reported; that there is none is at once."""


class SharedPoller:
    """All waits of one event loop on one connection.

    A query that several waits have is asked once for all of them, and an answer younger than a wait's
    interval serves it too. The first look is immediate; after it every query has its own slot in the
    interval.

    :param damstra_conn_id: id of the Airflow connection.
    :param on_empty: is called when the last wait has left, before the connections are closed.
    """

    def __init__(self, *, damstra_conn_id: str, on_empty: Callable[[], object]) -> None:
        self._conn_id = damstra_conn_id
        self._on_empty = on_empty
        self._loop = asyncio.get_running_loop()
        self._connection = ReloadingClient(damstra_conn_id)
        self._deadlines = Deadlines(self._loop)
        self._entrance = asyncio.Lock()
        self._most_askers = 1
        self._watches: dict[Query, PolledQuery] = {}
        self._due: deque[PolledQuery] = deque()
        self._askers: set[asyncio.Task[None]] = set()
        self._waits = 0
        self._gauged, self._gauged_at = 0, float("-inf")

    async def poll_until_done(
        self,
        make_condition: Callable[[], Condition],
        *,
        poll_interval: float,
        max_poll_failures: int,
        say: Callable[[str], None],
        seconds: float | None = None,
    ) -> PollResult:
        """Return the result of a wait that is over. The connections are closed when the last has left.

        :param make_condition: makes the wait, when its turn has come.
        :param poll_interval: seconds between two looks.
        :param max_poll_failures: answers that may fail in a row.
        :param say: is told the progress when it changes, and failures.
        :param seconds: after which it is given up; None is never.
        :raises DamstraError: if more failed in a row.
        :raises TimeoutError: if its time is up.
        """
        deadline = None if seconds is None else self._loop.time() + seconds
        over: asyncio.Future[PollResult] = self._loop.create_future()
        subscription: Subscription | None = None
        self._waits += 1
        self._gauge()
        try:
            async with asyncio.timeout_at(deadline), self._entrance:
                await self._open()
                # Thousands of waits may begin at once: between two of them the loop sees to others.
                await asyncio.sleep(0)
                subscription = Subscription(
                    make_condition(), poll_interval, max_poll_failures, say, copy_context(), over, deadline
                )
                # This frame stays for as long as the wait lasts, thousands of them.
                del make_condition
                self._deadlines.add(subscription)
                self._refresh(subscription)
            return await over
        finally:
            if subscription:
                self._deadlines.discard(subscription)
                for query in subscription.queries:
                    self._leave(query, subscription)
            self._waits -= 1
            self._gauge()
            if not self._waits:
                self._on_empty()
                await self._close()

    def poll_soon(self, *, lesson_schedule_ids: Collection[int] = (), user_ids: Collection[int] = ()) -> int:
        """Ask at once what waits want to know of these, and return how many questions that are.

        RequestModel are those of ``pollers.poll_soon``.
        """
        names = {
            "lesson_schedule_ids": frozenset(lesson_schedule_ids),
            "user_ids": frozenset(user_ids),
        }
        hurried = [watch for watch in self._watches.values() if watch.is_about(**names)]
        for watch in hurried:
            watch.is_hurried = True
            # What is on its way is asked again after it, and what fails keeps its distance.
            if not (watch.is_due or watch.failures):
                watch.stop()
                self._schedule(watch)
        return len(hurried)

    def _gauge(self) -> None:
        """Say how many waits there are, but not thousands of times when thousands begin."""
        now = self._loop.time()
        is_due = not self._waits or now - self._gauged_at >= GAUGE_INTERVAL
        if is_due and self._waits != self._gauged:
            self._gauged, self._gauged_at = self._waits, now
            gauge_waiting_tasks(self._waits, damstra_conn_id=self._conn_id)

    async def _close(self) -> None:
        for watch in self._watches.values():
            watch.stop()
        for asker in self._askers:
            asker.cancel()
        await asyncio.gather(*self._askers, return_exceptions=True)
        await self._connection.close()

    async def _open(self) -> None:
        await self._connection.open()
        self._most_askers = self._connection.client.settings.max_concurrency

    def _refresh(self, subscription: Subscription) -> None:
        """Bring a wait's watches up to what it asks by now, and see whether it is over."""
        while self._join_and_leave(subscription):
            pass
        if subscription.unanswered:
            # The first look is not complete: a result would be about a part.
            return
        result = subscription.condition.evaluate()
        if result.is_done:
            subscription.end(result)
        else:
            subscription.tell_progress(result.progress, now=self._loop.time())

    def _join_and_leave(self, subscription: Subscription) -> bool:
        """Return whether something was learnt on the way, so that the queries may be others again."""
        before, now = subscription.queries, subscription.condition.queries()
        if now == before:
            return False
        subscription.queries = now
        for query in before.keys() - now.keys():
            self._leave(query, subscription)
        changed = [
            (query, query_filter) for query, query_filter in now.items() if query_filter != before.get(query)
        ]
        learnt = [self._join(*one, subscription, is_new=one[0] not in before) for one in changed]
        return any(learnt)

    def _join(
        self, query: Query, query_filter: QueryFilter, subscription: Subscription, *, is_new: bool
    ) -> bool:
        watch = self._watches.get(query)
        if watch is None:
            watch = self._watches[query] = PolledQuery(query)
        watch.queries[subscription] = query_filter
        is_served = watch.serves(query_filter)
        if is_served and not is_new:
            return False
        subscription.expect(query)
        if is_served and self._loop.time() - watch.answered_at < subscription.poll_interval:
            subscription.update(query, watch.answer)
            return True
        self._ask_now(watch)
        return False

    def _leave(self, query: Query, subscription: Subscription) -> None:
        subscription.settle(query)
        watch = self._watches.get(query)
        if watch is None:
            return
        watch.queries.pop(subscription, None)
        if not watch.queries:
            watch.stop()
            del self._watches[query]

    def _ask_now(self, watch: PolledQuery) -> None:
        """Put a query in the line, unless it stands there, and see that somebody works on the line."""
        if watch.is_due:
            return
        watch.stop()
        watch.is_due = True
        self._due.append(watch)
        if len(self._askers) < self._most_askers:
            # In an empty context: what the client logs is about nobody's task in particular.
            self._askers.add(self._loop.create_task(self._ask_in_turn(), context=Context()))

    async def _ask_in_turn(self) -> None:
        while self._due:
            watch = self._due.popleft()
            try:
                # Who wanted to know may have left while it stood in the line.
                if watch.queries:
                    await self._ask(watch)
            except Exception as error:
                # A wait that nobody wakes would hang for ever.
                watch.is_due = False
                for subscription in list(watch.queries):
                    subscription.end(error=error)
        # Before the loop has its next turn: what is due then needs somebody who asks.
        self._askers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _ask(self, watch: PolledQuery) -> None:
        rows = watch.rows()
        watch.is_hurried = False
        watch.asked_at = self._loop.time()
        try:
            answer, watch.is_whole = await ask(self._connection, watch, rows)
        except DamstraError as error:
            if not is_not_found(error):
                watch.is_due = False
                self._bear(watch, error)
                return
            answer, watch.is_whole = error, True
        watch.is_due, watch.failures = False, 0
        self._gauge()
        news = watch.news(answer)
        watch.answer, watch.answered_at = answer, self._loop.time()
        served = [
            (one, query_filter) for one, query_filter in watch.queries.items() if watch.serves(query_filter)
        ]
        if len(served) < len(watch.queries):
            # Somebody joined while it was on its way, and wants more of it.
            self._ask_now(watch)
        for subscription, query_filter in served:
            has_passed = subscription.forget_failures(watch.query)
            if has_passed or query_filter.is_affected_by(news) or subscription.expects(watch.query):
                self._tell(subscription, watch.query, answer)
        # Only now, for the answer may say when it is worth asking again.
        if not watch.is_due:
            self._schedule(watch)

    def _tell(self, subscription: Subscription, query: Query, answer: Any) -> None:
        """Hand a wait an answer; if it cannot cope with it, it ends alone."""
        try:
            subscription.update(query, answer)
            self._refresh(subscription)
        except Exception as error:
            subscription.end(error=error)

    def _bear(self, watch: PolledQuery, error: DamstraError) -> None:
        """End the waits that cannot bear this failure, and ask again later for the others."""
        watch.failures += 1
        watch.closed_until = self._loop.time() + (error.retry_after or 0.0)
        for subscription, query_filter in list(watch.queries.items()):
            count = subscription.count_failure(watch.query, now=self._loop.time())
            is_borne = isinstance(error, query_filter.tolerated)
            if is_permanent(error) and not is_borne:
                subscription.end(PollResult(is_done=True, failure=str(error)))
            elif count > subscription.max_poll_failures:
                subscription.end(error=error)
            else:
                subscription.tell(f"{error} Failure {count} in a row; it is asked again.")
                if is_borne:
                    self._tell(subscription, watch.query, error)
        self._schedule(watch)

    def _schedule(self, watch: PolledQuery) -> None:
        if not watch.queries:
            return
        due = next_poll_at(
            asked=watch.asked_at,
            now=self._loop.time(),
            interval=watch.interval(),
            failures=watch.failures,
            key=hash(watch.query),
            not_before=watch.not_before(),
        )
        if watch.is_hurried and not watch.failures:
            due = min(due, watch.asked_at + EXPEDITED_INTERVAL)
        watch.timer = self._loop.call_at(max(due, watch.closed_until), self._ask_now, watch)
