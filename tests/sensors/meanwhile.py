"""Doing something while a sensor waits."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.testing import DamstraEmulator

PATIENCE = 20.0


@contextmanager
def after_requests(emulator: DamstraEmulator, count: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something beside the block, once so many requests were answered."""
    problems: list[BaseException] = []
    is_left = threading.Event()

    def wait_and_act() -> None:
        try:
            end = time.monotonic() + PATIENCE
            while len(emulator.journal()) < count:
                assert time.monotonic() < end, f"in vain: {count} requests"
                assert not is_left.wait(0.003), f"it ended before {count} requests: {emulator.journal()}"
            act()
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=wait_and_act, name="meanwhile")
    thread.start()
    try:
        yield
    finally:
        is_left.set()
        thread.join()
    if problems:
        raise problems[0]
