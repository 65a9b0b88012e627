"""Turns kept events into asset events, beside the receiver: bounded, and resumed after a restart."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_damstra.hooks.metrics import gauge_pending_events
from airflow_provider_damstra.webhooks import inbox, outcomes
from airflow_provider_damstra.webhooks.db.transactions import InboxUnavailableError
from airflow_provider_damstra.webhooks.verification import Checker

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from airflow_provider_damstra.webhooks.config import ReceiverConfig
    from airflow_provider_damstra.webhooks.inbox import Row

    Response = TypeVar("Response")

SLOTS = 32
"""Events in the hands of one process at once."""

LEASE = timedelta(seconds=60)
"""After this long, an event in the hands of a process that died is anybody's."""

HANDLING_SECONDS = 45.0
LETTING_GO_SECONDS = 10.0
"""Together less than the lease."""

LOOK_SECONDS = 2.0
"""How soon what other processes kept, or left, is seen."""

TIDY_SECONDS = 60.0
MOST_PURGES = 20
DATABASE_THREADS = 2
SECRETS_THREADS = 2

log = logging.getLogger(__name__)


class Worker:
    """Confirms events. Any number of them may run, in any number of processes."""

    def __init__(self, configuration: ReceiverConfig) -> None:
        self._retention = configuration.retention
        self._threads = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="damstra-worker")
        self._secrets_threads = ThreadPoolExecutor(SECRETS_THREADS, thread_name_prefix="damstra-secrets")
        self._checker = Checker(configuration, ask=self._ask, ask_secrets=self._ask_secrets)
        self._woken = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()
        self._in_hand = 0
        self._complaint = ""

    def wake(self) -> None:
        """Look for new events now."""
        self._woken.set()

    async def run(self) -> None:
        """Confirm events for ever."""
        tidying = asyncio.create_task(self._tidy())
        try:
            while True:
                self._woken.clear()
                await self._take()
                await self._pause()
        finally:
            tasks = [tidying, *self._busy]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for threads in (self._threads, self._secrets_threads):
                threads.shutdown(wait=False, cancel_futures=True)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _take(self) -> None:
        """Take of what waits as much as there is room for."""
        if not (room := SLOTS - self._in_hand):
            return
        try:
            rows = await self._ask(partial(inbox.claim, limit=room, lease=LEASE))
        except Exception as error:
            self._complain(str(error))
            return
        self._complain("")
        by_connection: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_connection[row["conn_id"]].append(row)
        for conn_id, its in by_connection.items():
            self._in_hand += len(its)
            task = asyncio.create_task(self._handle(conn_id, its))
            self._busy.add(task)
            task.add_done_callback(partial(self._is_done, count=len(its)))

    async def _handle(self, conn_id: str, rows: list[Row]) -> None:
        """Settle events. What is not settled, whatever the reason, is anybody's when the lease is over."""
        try:
            async with asyncio.timeout(HANDLING_SECONDS):
                await self._checker.check(conn_id, rows)
        except TimeoutError:
            log.warning("Damstra webhooks: events of connection %r took too long, and stay.", conn_id)
            await self._let_go(rows)
        except InboxUnavailableError as error:
            self._complain(str(error))
            await self._hand_back(rows, str(error))
        except Exception:
            log.exception("Damstra webhooks: events of connection %r stay.", conn_id)

    async def _let_go(self, rows: list[Row]) -> None:
        """Count what took too long as an attempt that failed; what is settled stays so."""
        reason = (
            f"it took longer than {HANDLING_SECONDS:.0f} s to read the connection, ask Damstra and keep "
            "its answer: see whether the secrets backend, Damstra and the metadata database answer in time"
        )
        with suppress(InboxUnavailableError, TimeoutError):
            async with asyncio.timeout(LETTING_GO_SECONDS):
                for row in rows:
                    await self._ask(partial(outcomes.failed, row, reason))

    async def _hand_back(self, rows: list[Row], reason: str) -> None:
        """Let events be taken again soon, if the database is there again; those that are settled stay so."""
        soon = datetime.now(UTC) + timedelta(seconds=LOOK_SECONDS)
        with suppress(InboxUnavailableError):
            for row in rows:
                await self._ask(partial(inbox.release, row, until=soon, reason=reason))

    def _is_done(self, task: asyncio.Task[None], *, count: int) -> None:
        self._busy.discard(task)
        self._in_hand -= count
        self._woken.set()

    async def _tidy(self) -> None:
        """Count what waits and delete what is old, now and then."""
        while True:
            try:
                gauge_pending_events(await self._ask(inbox.count_waiting))
                for _ in range(MOST_PURGES):
                    if not await self._ask(partial(inbox.purge_expired, retention=self._retention)):
                        break
            except Exception as error:
                self._complain(str(error))
            # Not all processes at the same moment.
            await asyncio.sleep(TIDY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 (no secret)

    async def _ask(self, query: Callable[[], Response]) -> Response:
        return await asyncio.get_running_loop().run_in_executor(self._threads, query)

    async def _ask_secrets(self, query: Callable[[], Response]) -> Response:
        return await asyncio.get_running_loop().run_in_executor(self._secrets_threads, query)

    def _complain(self, why: str) -> None:
        """Say once what is wrong with the database, however often it is met."""
        if why and why != self._complaint:
            log.error("Damstra webhooks: events wait. %s", why)
        self._complaint = why
