"""Concurrent calls on a thread pool, with progress in the log.

``ThreadPoolExecutor.map`` lacks two things that are needed here: cancel what has not started at the first
error, and log progress.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from airflow_provider_damstra.errors import DamstraError

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WORKERS = 16
"""Threads of one call; the connection's ``max_concurrency`` limits how many of them send concurrently."""

PROGRESS_INTERVAL = 5.0
"""Seconds between two progress lines in the log."""

log = logging.getLogger(__name__)


def map_concurrently(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    description: str,
    max_workers: int = MAX_WORKERS,
) -> list[Result]:
    """Return the function's result for each item, in the order of the items.

    :param description: what is counted in the progress line, such as ``"users scheduled"``.
    :param max_workers: concurrent calls.
    :raises Exception: the first error; items that have not started by then are not started.
    """
    pool = ThreadPoolExecutor(max_workers=min(max_workers, len(items)) or 1, thread_name_prefix="damstra")
    try:
        futures = [pool.submit(function, item) for item in items]
        for future in _log_progress(as_completed(futures), total=len(items), description=description):
            future.result()
        return [future.result() for future in futures]
    finally:
        # After an error, or when the task is killed, calls that have not started must not start.
        pool.shutdown(cancel_futures=True)


def return_error(function: Callable[[Item], Result]) -> Callable[[Item], Result | DamstraError]:
    """Return a function that returns a ``DamstraError`` instead of raising it."""

    def call(item: Item) -> Result | DamstraError:
        try:
            return function(item)
        except DamstraError as error:
            return error

    return call


def _log_progress(items: Iterable[Item], *, total: int, description: str) -> Iterator[Item]:
    logged_at = time.monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - logged_at >= PROGRESS_INTERVAL:
            logged_at = time.monotonic()
            log.info("%d of %d %s", count, total, description)
