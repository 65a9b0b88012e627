"""Threads for what may take long in the API server: secrets backends and the Damstra API."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import BoundedSemaphore, Lock
from typing import ParamSpec, TypeVar

from starlette.exceptions import HTTPException

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 16
CALLS_PER_CONNECTION = 4
"""Calls at the same time in one process of the API server: in all, and to Damstra with one connection."""

RETRY_AFTER_SECONDS = 5

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="damstra-plugin")
_idle_threads = BoundedSemaphore(THREADS)
_calls: Counter[str] = Counter()
_calls_lock = Lock()


async def run_bounded(seconds: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a thread, off the event loop of the API server, and return its result.

    The function has to end by itself: after the time limit its result is dropped.

    :param seconds: time limit.
    :raises HTTPException: 503 if no thread is idle, 504 after the time limit.
    """
    if not _idle_threads.acquire(blocking=False):
        raise _busy("All threads for the Damstra pages are in use.")
    call = _pool.submit(partial(function, *args, **kwargs))
    # After the time limit the thread is still in use.
    call.add_done_callback(lambda _: _idle_threads.release())
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.wrap_future(call)
    except TimeoutError:
        raise HTTPException(
            504, f"Damstra, a secrets backend or Airflow's database did not respond within {seconds:.0f} s."
        ) from None


@contextmanager
def limit_calls(conn_id: str) -> Iterator[None]:
    """Limit the calls to Damstra with one connection, so that a slow account does not use all threads.

    :raises HTTPException: 503 if other calls have reached the limit.
    """
    with _calls_lock:
        if _calls[conn_id] >= CALLS_PER_CONNECTION:
            raise _busy(f"Damstra has not yet responded to other pages with connection {conn_id!r}.")
        _calls[conn_id] += 1
    try:
        yield
    finally:
        with _calls_lock:
            _calls[conn_id] -= 1


def _busy(reason: str) -> HTTPException:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return HTTPException(503, f"{reason} Reload the page in some seconds.", headers)
