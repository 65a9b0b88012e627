"""Who is inside at once where places are limited, and how many places are free."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.clients.clock import until_in_loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.clients.limits import Limits


@dataclass
class Visitors:
    """Counts who is inside at once; nobody leaves before the door is open."""

    now: int = 0
    peak: int = 0
    total: int = 0
    door: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be inside, in a thread, until the door is open."""
        with self.counted():
            assert self.door.wait(10)
            yield

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Be counted as inside."""
        with self._lock:
            self.now += 1
            self.total += 1
            self.peak = max(self.peak, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1


@dataclass
class Room:
    """A room with as many places as the limits have."""

    limits: Limits
    visitors: Visitors = field(default_factory=Visitors)

    def visit(self) -> None:
        """Be inside for a while, in a thread."""
        with self.limits.turn(), self.visitors.inside():
            pass

    async def visit_in_loop(self) -> None:
        """Be inside for a while, in an event loop."""
        async with self.limits.turn_in_loop():
            with self.visitors.counted():
                await until_in_loop(self.visitors.door.is_set, "the door opens")

    async def visit_all(self, count: int) -> None:
        """Be inside as many."""
        await asyncio.gather(*(self.visit_in_loop() for _ in range(count)))


def free_places(limits: Limits, most: int) -> int:
    """Return how many places can be taken at once, at most ``most``, and give them back."""

    async def count() -> int:
        taken = 0
        async with asyncio.timeout(10):
            while taken < most:
                taker = asyncio.ensure_future(turns[taken].__aenter__())
                # Who finds a place has it after one step of the loop and the sleep of no time before it.
                for _ in range(5):
                    await asyncio.sleep(0)
                if not taker.done():
                    taker.cancel()
                    await asyncio.gather(taker, return_exceptions=True)
                    break
                taken += 1
            for turn in turns[:taken]:
                await turn.__aexit__(None, None, None)
        return taken

    turns = [limits.turn_in_loop() for _ in range(most)]
    return asyncio.run(count())
