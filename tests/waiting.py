"""Polling for a condition, with a deadline."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_SECONDS = 60.0
POLL_INTERVAL_SECONDS = 0.001


def wait_until(condition: Callable[[], bool], description: str) -> None:
    """Poll until a condition is true.

    :raises AssertionError: if it is not true after a minute.
    """
    end = time.monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"timed out: {description}"
        pause.wait(POLL_INTERVAL_SECONDS)


async def wait_until_async(condition: Callable[[], bool], description: str) -> None:
    """Poll in an event loop until a condition is true.

    :raises AssertionError: if it is not true after a minute.
    """
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"timed out: {description}"
        await asyncio.sleep(POLL_INTERVAL_SECONDS)
