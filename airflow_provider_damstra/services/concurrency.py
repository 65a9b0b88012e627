"""Concurrent calls on a thread pool, with progress in the log.

``ThreadPoolExecutor.map`` lacks three things that are needed here: cancel what has not started at the first
error, return errors in the place of results, and log progress.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Literal, TypeVar, overload

from airflow_provider_damstra.errors import DamstraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WORKERS = 16
"""Threads of one call; the connection's ``max_concurrency`` limits how many of them send concurrently."""

PROGRESS_INTERVAL = 5.0
"""Seconds between two progress lines in the log."""

log = logging.getLogger(__name__)


@overload
def map_concurrently(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    description: str,
    return_errors: Literal[False] = False,
) -> list[Result]: ...


@overload
def map_concurrently(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    description: str,
    return_errors: Literal[True],
) -> list[Result | DamstraError]: ...


def map_concurrently(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    description: str,
    return_errors: bool = False,
) -> list[Result] | list[Result | DamstraError]:
    """Return the function's result for each item, in the order of the items.

    :param description: what is counted in the progress line, such as ``"users scheduled"``.
    :param return_errors: put a ``DamstraError`` in the place of its result, instead of raising the first one.
    :raises DamstraError: the first error; items that have not started by then are not started.
    """
    results: dict[int, Result | DamstraError] = {}
    pool = ThreadPoolExecutor(max_workers=min(MAX_WORKERS, len(items)) or 1, thread_name_prefix="damstra")
    try:
        indexes = {pool.submit(function, item): index for index, item in enumerate(items)}
        for future in _log_progress(as_completed(indexes), total=len(items), description=description):
            try:
                results[indexes[future]] = future.result()
            except DamstraError as error:
                if not return_errors:
                    raise
                results[indexes[future]] = error
    finally:
        # After an error, or when the task is killed, calls that have not started must not start.
        pool.shutdown(cancel_futures=True)
    return [results[index] for index in range(len(items))]


def _log_progress(items: Iterable[Item], *, total: int, description: str) -> Iterator[Item]:
    logged_at = time.monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - logged_at >= PROGRESS_INTERVAL:
            logged_at = time.monotonic()
            log.info("%d of %d %s", count, total, description)
