"""Limit of concurrency and rate for a connection, shared by all clients of the process.

Hand-written because no library limits threads and event loops together: anyio's and aiolimiter's limiters
belong to one event loop, and semaphores of ``threading`` block it.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings

RECHECK_SECONDS = 1.0
"""Interval at which a waiting thread checks for its permit: the thread that granted it may have been killed
before it sent the wake-up."""


class _Waiter:
    """A request that holds or awaits a permit.

    :param wake: called from any thread when the permit is granted.
    """

    __slots__ = ("wake",)

    def __init__(self) -> None:
        self.wake: Callable[[], object] = _do_nothing


class RateLimiter:
    """Limit the requests in flight, and the rate at which requests start.

    Waiters queue in FIFO order; each registers a wake-up callback. A permit is released however its holder
    ends: finished, failed, cancelled or killed. Every step on the shared state is idempotent, so that an
    exception raised by a signal handler between two steps loses no permit.

    :param max_concurrency: concurrent requests.
    :param requests_per_second: requests that may start in one second, evenly spaced; None for no limit.
    """

    def __init__(self, *, max_concurrency: int, requests_per_second: float | None) -> None:
        # Reentrant, because garbage collection may release a permit in a thread that holds the lock.
        self._lock = threading.RLock()
        self._max_concurrency = max_concurrency
        self._holders: set[_Waiter] = set()
        self._queue: deque[_Waiter] = deque()
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_start = 0.0

    @property
    def free_permits(self) -> int:
        """Return how many requests could start now without waiting for a permit."""
        return self._max_concurrency - len(self._holders)

    @property
    def waiting(self) -> int:
        """Return how many requests wait for a permit."""
        return len(self._queue)

    @contextmanager
    def permit(self, stopped: threading.Event | None = None) -> Iterator[None]:
        """Hold a permit in this thread; block until there is one.

        :param stopped: ends the wait when it is set.
        :raises CancelledError: if ``stopped`` was set before the request could start.
        """
        is_stopped, sleep = (stopped.is_set, stopped.wait) if stopped else (bool, time.sleep)
        waiter = _Waiter()
        try:
            if not self._try_acquire(waiter):
                granted = threading.Event()
                self._enqueue(waiter, granted.set)
                while waiter not in self._holders and not is_stopped():
                    granted.wait(RECHECK_SECONDS)
            pause = 0.0 if is_stopped() else self._reserve_start()
            if pause:
                sleep(pause)
            if is_stopped():
                raise CancelledError
            yield
        finally:
            self._release(waiter)

    @asynccontextmanager
    async def async_permit(self) -> AsyncIterator[None]:
        """Hold a permit in this task; wait until there is one."""
        waiter = _Waiter()
        try:
            if not self._try_acquire(waiter):
                granted = asyncio.Event()
                wake = partial(asyncio.get_running_loop().call_soon_threadsafe, granted.set)
                self._enqueue(waiter, wake)
                await granted.wait()
            pause = self._reserve_start()
            if pause:
                await asyncio.sleep(pause)
            yield
        finally:
            self._release(waiter)

    def _try_acquire(self, waiter: _Waiter) -> bool:
        with self._lock:
            if self._queue or len(self._holders) >= self._max_concurrency:
                return False
            self._holders.add(waiter)
            return True

    def _enqueue(self, waiter: _Waiter, wake: Callable[[], object]) -> None:
        waiter.wake = wake
        with self._lock:
            self._queue.append(waiter)
            self._grant()

    def _release(self, waiter: _Waiter) -> None:
        with self._lock:
            self._holders.discard(waiter)
            self._remove_from_queue(waiter)
            self._grant()

    def _grant(self) -> None:
        """Grant the free permits to the first waiters in the queue."""
        while self._queue and len(self._holders) < self._max_concurrency:
            waiter = self._queue[0]
            self._holders.add(waiter)
            self._remove_from_queue(waiter)
            try:
                waiter.wake()
            except RuntimeError:  # its event loop is closed
                self._holders.discard(waiter)

    def _remove_from_queue(self, waiter: _Waiter) -> None:
        with suppress(ValueError):
            self._queue.remove(waiter)

    def _reserve_start(self) -> float:
        """Reserve the next start, and return the seconds until then."""
        if not self._interval:
            return 0.0
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + self._interval
            return start - now


def rate_limiter_for(settings: ClientSettings) -> RateLimiter:
    """Return the limiter shared by all clients of this process with the same address, key and limits."""
    return _rate_limiter(
        settings.base_url,
        hash(settings.access_key.get_secret_value()),
        settings.max_concurrency,
        settings.requests_per_second,
    )


@cache
def _rate_limiter(
    _base_url: str, _key: int, max_concurrency: int, requests_per_second: float | None
) -> RateLimiter:
    return RateLimiter(max_concurrency=max_concurrency, requests_per_second=requests_per_second)


# The requests that were in flight in the parent would hold their permits in the child forever.
os.register_at_fork(after_in_child=_rate_limiter.cache_clear)


def _do_nothing() -> None:
    """Wake nothing: the permit was granted immediately."""
