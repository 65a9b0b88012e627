"""Limits that hold for the whole process, whichever clients, threads and event loops share it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from airflow_provider_damstra.clients.polling import Stream, readable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from airflow_provider_damstra.clients.settings import ClientSettings

LOOK_AGAIN = 0.02
"""Seconds between two looks of who waits for a turn while some are lent. One that is over is seen at once."""

IN_CASE = 1.0
"""Seconds between two looks whether a place was given: a thread may be killed before it wakes another."""


@dataclass(eq=False, slots=True)
class _Waiter:
    """Who waits for a place, how it is woken, and whether the place was given to it."""

    wake: Callable[[], None]
    has_place: bool = False


class Holder(Stream, Protocol):
    """Holds a turn, and may be too busy to see that it is over: when it has something to read."""

    def has_begun(self, at: float) -> None:
        """Take note that it has something to read, and end the turn. Any thread may call it.

        :param at: when, on the monotonic clock.
        """


@dataclass(eq=False, slots=True)
class LentTurn:
    """A turn that is over when its holder has something to read; who waits for one looks.

    :param until: when it is over in any case, on the monotonic clock.
    """

    _limits: Limits
    waiter: _Waiter
    until: float
    holder: Holder | None = None

    def end(self) -> None:
        """End it; again, this does nothing."""
        self._limits.take_back(self)


class Limits:
    """Let at most ``max_concurrency`` requests be in flight, and at most ``requests_per_second`` begin.

    One object serves threads and event loops alike: who finds no place leaves a way to be woken, and is
    served in turn.
    """

    def __init__(self, *, max_concurrency: int, requests_per_second: float | None) -> None:
        # Python's collector may close a listing, and end its turns, in a thread that has the lock.
        self._lock = threading.RLock()
        self._free = max_concurrency
        self._waiting: deque[_Waiter] = deque()
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_start = 0.0
        self._lent: set[LentTurn] = set()

    def turn_now(self, *, seconds: float) -> LentTurn | None:
        """Return a turn if there is one without waiting. None is lent while somebody waits.

        :param seconds: how long it may last.
        """
        with self._lock:
            now = time.monotonic()
            if not self._free or now < self._next_start:
                return None
            turn = LentTurn(self, _Waiter(_nobody_waits), until=now + seconds)
            self._lent.add(turn)
            turn.waiter.has_place = True
            self._free -= 1
            self._next_start = now + self._interval
            return turn

    def take_back(self, turn: LentTurn) -> None:
        """Give the place of a turn that is over to who waits."""
        self._leave(turn.waiter)
        self._lent.discard(turn)
        # Holder and turn know each other, and would wait for Python's collector.
        turn.holder = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait in this thread for a turn, and hold it."""
        place = threading.Event()
        waiter = _Waiter(place.set)
        with self._held(waiter):
            if not self._take(waiter):
                while not waiter.has_place:
                    if self._lent:
                        self._look_after_lent()
                    else:
                        place.wait(IN_CASE)
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
                while self._lent and not waiter.has_place:
                    await asyncio.to_thread(self._look_after_lent)
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
        """Get in line, and return whether a place was free."""
        with self._lock:
            self._waiting.append(waiter)
            self._hand_out()
            return waiter.has_place

    @contextmanager
    def _held(self, waiter: _Waiter) -> Iterator[None]:
        """Give back what the waiter has, however it leaves: done, interrupted in the line, or just woken."""
        try:
            yield
        finally:
            self._leave(waiter)

    def _look_after_lent(self) -> None:
        """End the lent turns that are over; wait a moment for the first to be."""
        lent, now = self._lent.copy(), time.monotonic()
        for turn in lent:
            if now > turn.until:
                turn.end()
        for holder in readable(filter(None, (turn.holder for turn in lent)), seconds=LOOK_AGAIN):
            holder.has_begun(time.monotonic())

    def _leave(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            if waiter.has_place:
                waiter.has_place = False
                self._free += 1
            self._hand_out()

    def _hand_out(self) -> None:
        """Hand the free places to who has waited longest; an event loop may have ended meanwhile.

        In this order, so that a task that is killed between two steps leaves nothing out of joint.
        """
        while self._free and self._waiting:
            waiter = self._waiting[0]
            waiter.has_place = True
            self._free -= 1
            self._waiting.popleft()
            try:
                waiter.wake()
            except RuntimeError:
                waiter.has_place = False
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
