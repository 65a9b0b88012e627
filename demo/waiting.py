"""Polling with a timeout, and the exceptions of the demonstration."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class DemoError(RuntimeError):
    """The demonstration cannot continue; the message names the cause and the log to read."""


class DemoTimeoutError(DemoError):
    """An expected state was not reached in time."""


class ProcessDiedError(DemoError):
    """A process that must keep running has ended."""


def wait_until(
    predicate: Callable[[], T | None], *, description: str, timeout: float, interval: float = 0.25
) -> T:
    """Poll a predicate and return its first true result.

    :param description: the expected state, for the error.
    :param timeout: seconds to wait.
    :param interval: seconds between two polls.
    :raises DemoTimeoutError: if it is not true in time.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (result := predicate()):
        if time.monotonic() >= deadline:
            raise DemoTimeoutError(f"waited {timeout:g} s in vain for {description}")
        pause.wait(interval)
    return result
