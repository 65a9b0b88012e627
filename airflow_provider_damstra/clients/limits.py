"""Limits that hold for the whole process, whichever clients, threads and event loops share it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings

_Wake = Callable[[], None]


class Limits:
    """Let at most ``max_concurrency`` requests be in flight, and at most ``requests_per_second`` begin.

    One object serves threads and event loops alike: who finds no place leaves a way to be woken, and is
    served in turn.
    """

    def __init__(self, *, max_concurrency: int, requests_per_second: float | None) -> None:
        self._lock = threading.Lock()
        self._free = max_concurrency
        self._waiting: deque[_Wake] = deque()
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_start = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait in this thread for a turn, and hold it."""
        time.sleep(self._reserve())
        place = threading.Event()
        if not self._take(place.set):
            with self._left_if_interrupted(place.set):
                place.wait()
        try:
            yield
        finally:
            self._give()

    @asynccontextmanager
    async def turn_in_loop(self) -> AsyncIterator[None]:
        """Wait in this event loop for a turn, and hold it."""
        await asyncio.sleep(self._reserve())
        place = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(place.set)

        if not self._take(wake):
            with self._left_if_interrupted(wake):
                await place.wait()
        try:
            yield
        finally:
            self._give()

    def _reserve(self) -> float:
        """Return the seconds until the next request may begin, and count it as begun then."""
        if not self._interval:
            return 0.0
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + self._interval
            return start - now

    def _take(self, wake: _Wake) -> bool:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return True
            self._waiting.append(wake)
            return False

    def _give(self) -> None:
        """Hand the place to who has waited longest; an event loop may have ended meanwhile."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._free += 1
                    return
                wake = self._waiting.popleft()
            try:
                wake()
            except RuntimeError:
                continue
            return

    @contextmanager
    def _left_if_interrupted(self, wake: _Wake) -> Iterator[None]:
        """Lose no place when who waits is interrupted: it may have been given one in that moment."""
        try:
            yield
        except BaseException:
            with self._lock:
                still_waiting = wake in self._waiting
                if still_waiting:
                    self._waiting.remove(wake)
            if not still_waiting:
                self._give()
            raise


def limits_for(settings: ClientSettings) -> Limits:
    """Return the limits that all clients of this process with the same address, key and limits share."""
    return _limits(
        settings.base_url,
        hash(settings.access_key.get_secret_value()),
        settings.max_concurrency,
        settings.requests_per_second,
    )


@cache
def _limits(_base_url: str, _key: int, max_concurrency: int, requests_per_second: float | None) -> Limits:
    return Limits(max_concurrency=max_concurrency, requests_per_second=requests_per_second)
