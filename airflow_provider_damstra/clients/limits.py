"""Limits that hold for the whole process, whichever clients, threads and event loops share it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from airflow_provider_damstra.clients.settings import ClientSettings


@dataclass(eq=False, slots=True)
class _Waiter:
    """Who waits for a place, how it is woken, and whether the place was given to it."""

    wake: Callable[[], None]
    has_place: bool = False


EndTurn = Callable[[], None]
"""Ends a turn; again, it does nothing."""


class Holder(Protocol):
    """Holds turns that may be over without its knowing."""

    def let_go(self) -> None:
        """End the turns that are over, and wait until the others are. Any thread may call it."""


class Limits:
    """Let at most ``max_concurrency`` requests be in flight, and at most ``requests_per_second`` begin.

    One object serves threads and event loops alike: who finds no place leaves a way to be woken, and is
    served in turn.
    """

    def __init__(self, *, max_concurrency: int, requests_per_second: float | None) -> None:
        self._lock = threading.Lock()
        self._free = max_concurrency
        self._waiting: deque[_Waiter] = deque()
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_start = 0.0
        self._holders: WeakSet[Holder] = WeakSet()

    def lend_to(self, holder: Holder) -> None:
        """Take note of who holds turns from ``turn_now``: who waits in vain asks it to let go."""
        with self._lock:
            self._holders.add(holder)

    def turn_now(self) -> EndTurn | None:
        """Return what ends a turn that could be had without waiting, or None: there was none."""
        with self._lock:
            now = time.monotonic()
            if not self._free or now < self._next_start:
                return None
            self._free -= 1
            self._next_start = now + self._interval
        return partial(self._leave, _Waiter(_nobody_waits, has_place=True))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait in this thread for a turn, and hold it."""
        place = threading.Event()
        waiter = _Waiter(place.set)
        with self._held(waiter):
            if not self._take(waiter):
                self._call_in()
                place.wait()
            pause = self._reserve()
            if pause:
                # A sleep of no time would let all other threads have their turn first.
                time.sleep(pause)
            yield

    @asynccontextmanager
    async def turn_in_loop(self) -> AsyncIterator[None]:
        """Wait in this event loop for a turn, and hold it."""
        place = asyncio.Event()
        loop = asyncio.get_running_loop()
        waiter = _Waiter(lambda: _wake_in(loop, place))
        with self._held(waiter):
            if not self._take(waiter):
                if self._holders:
                    await asyncio.to_thread(self._call_in)
                await place.wait()
            await asyncio.sleep(self._reserve())
            yield

    def _reserve(self) -> float:
        """Return the seconds until the next request may begin, and count it as begun then."""
        if not self._interval:
            return 0.0
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + self._interval
            return start - now

    def _take(self, waiter: _Waiter) -> bool:
        """Give a place that is free, or put the waiter in the line."""
        with self._lock:
            waiter.has_place = self._free > 0
            if waiter.has_place:
                self._free -= 1
            else:
                self._waiting.append(waiter)
            return waiter.has_place

    @contextmanager
    def _held(self, waiter: _Waiter) -> Iterator[None]:
        """Give back what the waiter has, however it leaves: done, interrupted in the line, or just woken."""
        try:
            yield
        finally:
            self._leave(waiter)

    def _leave(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            if waiter.has_place:
                waiter.has_place = False
                self._hand_on()

    def _call_in(self) -> None:
        """Let those end their turns who do not look whether they are over."""
        with self._lock:
            holders = tuple(self._holders)
        for holder in holders:
            holder.let_go()

    def _hand_on(self) -> None:
        """Hand a place to who has waited longest; an event loop may have ended meanwhile."""
        while self._waiting:
            waiter = self._waiting.popleft()
            waiter.has_place = True
            try:
                waiter.wake()
            except RuntimeError:
                waiter.has_place = False
                continue
            return
        self._free += 1


def _nobody_waits() -> None:
    """Wake nobody: the place was free."""


def _wake_in(loop: asyncio.AbstractEventLoop, place: asyncio.Event) -> None:
    loop.call_soon_threadsafe(place.set)


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
