"""A clock that stands still unless somebody sleeps, and waiting for what other threads do."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE = 10.0


class Clock:
    """Stands still unless somebody sleeps: who does finds the time gone, at once."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time go by as if somebody slept in this thread."""
        self.sleeps.append(seconds)
        self.now += seconds

    async def pass_by_in_loop(self, seconds: float) -> None:
        """Let time go by as if somebody slept in this event loop."""
        self.pass_by(seconds)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so.

    :raises AssertionError: if it is not so for ten seconds.
    """
    end = time.monotonic() + DEADLINE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        pause.wait(0.001)


async def until_in_loop(condition: Callable[[], bool], what: str) -> None:
    """Wait in an event loop until something is so.

    :raises AssertionError: if it is not so for ten seconds.
    """
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        await asyncio.sleep(0.001)
