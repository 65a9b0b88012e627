"""The shared poller: one client, one rate limit and one request for all subscriptions to the same query."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from contextvars import Context
from typing import Any, cast

from airflow_provider_damstra.conditions.base import PollResult, Query, QueryFilter, is_not_found
from airflow_provider_damstra.conditions.progress import describe_progress, describe_times
from airflow_provider_damstra.errors import DamstraError, DamstraTransportError, is_permanent
from airflow_provider_damstra.hooks.metrics import gauge_waiting_tasks
from airflow_provider_damstra.polling.client import ReloadingClient
from airflow_provider_damstra.polling.schedule import next_poll_at
from airflow_provider_damstra.polling.subscriptions import PolledQuery, Subscription
from airflow_provider_damstra.polling.webhook_feed import start_feed_consumer

MIN_EXPEDITED_INTERVAL = 1.0
"""Seconds between two polls of a query, even if ``poll_soon`` is called more often."""

GAUGE_INTERVAL = 1.0
"""Seconds between two reports of the number of subscriptions; zero is reported immediately."""


class SharedPoller:
    """Polls for all subscriptions of one event loop to one connection.

    A query with several subscriptions is sent once for all of them, and a response younger than the poll
    interval of a new subscription serves it too. The first poll is immediate; later ones keep to the query's
    slot in the interval (``schedule.next_poll_at``). Due queries are queued and sent by at most
    ``max_concurrency`` worker tasks. Where webhooks are received, a task consumes their feed and expedites
    the queries that they are about.

    :param damstra_conn_id: id of the Airflow connection.
    :param on_empty: is called when the last subscription has ended, before the client is closed.
    """

    def __init__(self, *, damstra_conn_id: str, on_empty: Callable[[], object]) -> None:
        self._conn_id = damstra_conn_id
        self._on_empty = on_empty
        self._loop = asyncio.get_running_loop()
        self._client = ReloadingClient(damstra_conn_id)
        self._start_lock = asyncio.Lock()
        self._polled: dict[Query, PolledQuery] = {}
        self._queue: deque[PolledQuery] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._count = self._reported_count = 0
        self._reported_at = float("-inf")
        self._feed_consumer = start_feed_consumer(damstra_conn_id, expedite=self.poll_soon)

    async def add(self, subscription: Subscription) -> None:
        """Activate a subscription.

        One whose deadline has passed is polled once, so that its error names what is open.

        :raises TimeoutError: if its deadline passes before the client is open.
        """
        expires_at = subscription.expires_at(now=self._loop.time())
        self._count += 1
        self._report_count()
        try:
            if not self._client.is_open or self._start_lock.locked():
                async with asyncio.timeout_at(expires_at), self._start_lock:
                    await self._open()
            subscription.start_timer(self._loop, expires_at)
            if self._refresh(subscription):
                self._log_progress(subscription)
        except BaseException:
            await self.remove(subscription)
            raise

    async def _open(self) -> None:
        # If the connection cannot be read, each poll tries that again, and counts as a failed one.
        with suppress(DamstraTransportError):
            await self._client.open()
        # Thousands of subscriptions may be queued: let the event loop run other tasks between two of them.
        await asyncio.sleep(0)

    async def remove(self, subscription: Subscription) -> None:
        """Cancel a subscription; after the last one, close the client."""
        subscription.cancel_timers()
        for query in subscription.queries:
            self._unsubscribe(query, subscription)
        self._count -= 1
        self._report_count()
        if not self._count:
            self._on_empty()
            await self._close()

    def poll_soon(self, *, lesson_schedule_ids: Collection[int] = (), user_ids: Collection[int] = ()) -> int:
        """Poll the queries about some schedules or users ahead of schedule: see ``registry.poll_soon``."""
        schedules, users = frozenset(lesson_schedule_ids), frozenset(user_ids)
        matching = [
            polled
            for polled in self._polled.values()
            if polled.matches(lesson_schedule_ids=schedules, user_ids=users)
        ]
        for polled in matching:
            polled.is_expedited = True
            # The response to a request in flight may predate the change: it is followed by another one.
            if not (polled.is_queued or polled.failures):
                self._schedule(polled)
        return len(matching)

    async def _close(self) -> None:
        for polled in self._polled.values():
            polled.cancel_timer()
        tasks = [*self._workers, *([self._feed_consumer] if self._feed_consumer else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    def _report_count(self) -> None:
        now = self._loop.time()
        is_due = not self._count or now - self._reported_at >= GAUGE_INTERVAL
        if is_due and self._count != self._reported_count:
            self._reported_count, self._reported_at = self._count, now
            gauge_waiting_tasks(self._count, damstra_conn_id=self._conn_id)

    def _refresh(self, subscription: Subscription) -> bool:
        """Subscribe to the condition's current queries, and finish the subscription if it is done.

        :return: whether there is progress to log.
        """
        while self._update_queries(subscription):
            pass
        subscription.refresh_at = self._loop.time() + subscription.pause
        if subscription.pending:
            # Without all first responses the result would be about a part of what the condition needs.
            return False
        result = subscription.condition.evaluate()
        if result.is_done:
            subscription.finish(result)
            return False
        if subscription.deadline is not None and subscription.deadline <= self._loop.time():
            subscription.expire()
            return False
        return subscription.is_new_progress(result.progress, now=self._loop.time())

    def _log_progress(self, subscription: Subscription) -> None:
        """Log the progress with who is open; an error there ends this subscription only."""
        try:
            self._log(subscription, describe_progress(subscription.last_line, subscription.condition))
        except Exception as error:
            subscription.fail(error)

    def _log(self, subscription: Subscription, text: str) -> None:
        """Log a line of a subscription with the times of its next poll and its deadline."""
        now, to_wall_clock = self._loop.time(), time.time() - self._loop.time()
        polled = [self._polled[query] for query in subscription.queries if query in self._polled]
        # A query that is queued or being requested is polled now.
        polls = [now if one.is_queued else max(one.due_at, now) for one in polled]
        next_poll = min(polls, default=None)
        times = describe_times(
            next_poll=None if next_poll is None else next_poll + to_wall_clock,
            deadline=None if subscription.deadline is None else subscription.deadline + to_wall_clock,
        )
        subscription.log_line(f"{text} {times}".rstrip())

    def _update_queries(self, subscription: Subscription) -> bool:
        """Return whether the condition received a stored response, which may change its queries again."""
        before, current = subscription.queries, subscription.condition.queries()
        if current == before:
            return False
        subscription.set_queries(current)
        for query in before.keys() - current.keys():
            self._unsubscribe(query, subscription)
        changed = [item for item in current.items() if item[1] != before.get(item[0])]
        delivered = [self._subscribe(*item, subscription, is_new=item[0] not in before) for item in changed]
        return any(delivered)

    def _subscribe(
        self, query: Query, query_filter: QueryFilter, subscription: Subscription, *, is_new: bool
    ) -> bool:
        """Return whether the stored response was recent enough for a new subscription to the query."""
        polled = self._polled.get(query)
        if polled is None:
            polled = self._polled[query] = PolledQuery(query)
        polled.subscriptions[subscription] = query_filter
        is_satisfied = polled.satisfies(query_filter)
        if is_satisfied and not is_new:
            if polled.timer and not polled.failures:
                self._schedule(polled)
            return False
        subscription.add_pending(query)
        if is_satisfied and self._loop.time() - polled.received_at < subscription.poll_interval:
            subscription.update(query, polled.response)
            return True
        self._enqueue(polled)
        return False

    def _unsubscribe(self, query: Query, subscription: Subscription) -> None:
        subscription.discard_pending(query)
        polled = self._polled.get(query)
        if polled is None:
            return
        polled.subscriptions.pop(subscription, None)
        if not polled.subscriptions:
            polled.cancel_timer()
            del self._polled[query]

    def _schedule(self, polled: PolledQuery) -> None:
        """Set the timer of a query's next poll."""
        polled.cancel_timer()
        if not polled.subscriptions:
            return
        due = next_poll_at(
            polled_at=polled.polled_at,
            now=self._loop.time(),
            interval=min(subscription.poll_interval for subscription in polled.subscriptions),
            failures=polled.failures,
            key=hash(polled.query),
            not_before=polled.not_before(),
        )
        if polled.is_expedited and not polled.failures:
            due = min(due, polled.polled_at + MIN_EXPEDITED_INTERVAL)
        polled.due_at = max(due, polled.blocked_until)
        polled.timer = self._loop.call_at(polled.due_at, self._enqueue, polled)

    def _enqueue(self, polled: PolledQuery) -> None:
        """Queue a query for the next free worker, and start one if there may be more."""
        if polled.is_queued:
            return
        polled.cancel_timer()
        polled.is_queued = True
        self._queue.append(polled)
        if len(self._workers) < self._client.max_concurrency:
            # In an empty context, as the client's log lines belong to no single task.
            self._workers.add(self._loop.create_task(self._work(), context=Context()))

    async def _work(self) -> None:
        """Poll queued queries until the queue is empty."""
        while self._queue:
            polled = self._queue.popleft()
            try:
                # All subscriptions may have ended while it was queued.
                if polled.subscriptions:
                    await self._poll(polled)
            except Exception as error:
                # Unexpected, such as a query that cannot be encoded: without a result tasks would hang.
                polled.is_queued = False
                for subscription in list(polled.subscriptions):
                    subscription.fail(error)
        # Before the next await: a query that is queued from now on needs another worker.
        self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _poll(self, polled: PolledQuery) -> None:
        row_keys = polled.required_row_keys()
        polled.is_expedited = False
        polled.polled_at = self._loop.time()
        try:
            response, is_complete = await self._client.fetch(
                polled.query, row_keys=row_keys, cache=polled.page_cache
            )
        except DamstraError as error:
            if not is_not_found(error):
                self._handle_failure(polled, error)
                return
            response, is_complete = error, True
        self._handle_response(polled, response, is_complete=is_complete)

    def _handle_response(self, polled: PolledQuery, response: Any, *, is_complete: bool) -> None:
        """Store a response, notify the subscriptions that it affects, and schedule the next poll."""
        self._report_count()
        changed = polled.changed_rows(response)
        polled.response, polled.is_complete, polled.received_at = response, is_complete, self._loop.time()
        polled.is_queued, polled.failures = False, 0
        satisfied = polled.satisfied()
        if len(satisfied) < len(polled.subscriptions):
            # A subscription that started during the request needs further rows.
            self._enqueue(polled)
        progressed = []
        for subscription, query_filter in satisfied:
            has_recovered = subscription.reset_failures(polled.query)
            is_affected = has_recovered or query_filter.is_affected_by(changed)
            is_notified = is_affected or subscription.is_pending(polled.query)
            if is_notified and self._notify(subscription, polled.query, response):
                progressed.append(subscription)
        # After the notifications, as the response may postpone the next poll (``not_before``).
        if not polled.is_queued:
            self._schedule(polled)
        for subscription in progressed:
            self._log_progress(subscription)

    def _notify(self, subscription: Subscription, query: Query, response: Any) -> bool:
        """Update a subscription's condition, and return whether there is progress to log.

        If the last evaluation was just now, the next one is later, for all responses until then together.
        An error ends this subscription only.
        """
        try:
            subscription.update(query, response)
            if subscription.refresh_timer is not None:
                return False
            if self._loop.time() >= subscription.refresh_at:
                return self._refresh(subscription)
        except Exception as error:
            subscription.fail(error)
            return False
        at = subscription.refresh_at
        subscription.refresh_timer = self._loop.call_at(at, self._refresh_later, subscription)
        return False

    def _refresh_later(self, subscription: Subscription) -> None:
        subscription.refresh_timer = None
        try:
            has_progress = self._refresh(subscription)
        except Exception as error:
            subscription.fail(error)
        else:
            if has_progress:
                self._log_progress(subscription)

    def _handle_failure(self, polled: PolledQuery, error: DamstraError) -> None:
        """End the subscriptions that do not tolerate a failure, and schedule the next poll for the others."""
        now = self._loop.time()
        polled.is_queued = False
        polled.failures += 1
        polled.blocked_until = now + (error.retry_after or 0.0)
        lines: list[tuple[Subscription, str]] = []
        progressed = []
        for subscription, query_filter in list(polled.subscriptions.items()):
            count = subscription.count_failure(polled.query, now=now)
            is_tolerated = isinstance(error, query_filter.tolerated)
            if is_permanent(error) and not is_tolerated:
                subscription.finish(PollResult(failure=str(error)))
            elif count > subscription.max_poll_failures:
                subscription.fail(error)
            else:
                line = f"{error} Failure {count} in a row; it is polled again."
                if subscription.is_new_failure(line, now=now):
                    lines.append((subscription, line))
                if is_tolerated and self._notify(subscription, polled.query, error):
                    progressed.append(subscription)
        self._schedule(polled)
        for subscription, line in lines:
            self._log(subscription, line)
        for subscription in progressed:
            self._log_progress(subscription)
