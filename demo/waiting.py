"""Waiting with a deadline."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from demo.errors import DeadlinePassedError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_until(predicate: Callable[[], T | None], *, what: str, seconds: float, interval: float = 0.25) -> T:
    """Return the first true answer of `predicate`, or raise DeadlinePassedError that names `what`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (answer := predicate()):
        if time.monotonic() >= deadline:
            raise DeadlinePassedError(f"waited {seconds:g} s in vain for {what}")
        pause.wait(interval)
    return answer
