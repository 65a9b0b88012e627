"""An action in a thread while a sensor waits."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.testing import DamstraEmulator

TIMEOUT = 20.0


@contextmanager
def after_requests(emulator: DamstraEmulator, count: int, action: Callable[[], object]) -> Iterator[None]:
    """Call an action in a thread concurrently with the block, after this number of requests."""
    errors: list[BaseException] = []
    is_finished = threading.Event()

    def wait_and_call() -> None:
        try:
            end = time.monotonic() + TIMEOUT
            while len(emulator.journal()) < count:
                assert time.monotonic() < end, f"timed out before {count} requests"
                assert not is_finished.wait(0.003), f"it ended before {count} requests: {emulator.journal()}"
            action()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=wait_and_call, name="background")
    thread.start()
    try:
        yield
    finally:
        is_finished.set()
        thread.join()
    if errors:
        raise errors[0]
