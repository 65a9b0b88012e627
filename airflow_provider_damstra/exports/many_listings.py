"""Many listings read at once, each page handed on as soon as it came."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_damstra.errors import DamstraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_damstra.exports.consistent_pagination import OverlappingRows

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Page(Generic[Key]):
    """What came next of one listing: rows, or nothing more, or why it failed.

    :param rows: the rows, or None if the listing is over.
    """

    key: Key
    rows: OverlappingRows | None = None
    failure: DamstraError | None = None


def pages_as_they_come(
    open_listing: Callable[[Key], Iterator[OverlappingRows]],
    keys: Iterable[Key],
    *,
    concurrency: int,
    ahead: int,
) -> Iterator[Page[Key]]:
    """Yield the pages of many listings in the order in which they come, each listing's in its own order.

    A page counts as taken when the next is wanted.

    :param open_listing: returns the pages of one listing; is called, and iterated, in a thread.
    :param concurrency: how many listings wait for a page.
    :param ahead: how many pages may wait to be taken beside these.
    """
    arrived: SimpleQueue[tuple[Key, Iterator[OverlappingRows], Future[OverlappingRows | None]]] = (
        SimpleQueue()
    )
    remaining, open_listings = iter(keys), 0
    with _threads(concurrency) as pool:

        def ask(key: Key, pages: Iterator[OverlappingRows]) -> None:
            future = pool.submit(next, pages, None)
            future.add_done_callback(lambda done: arrived.put((key, pages, done)))

        while True:
            for key in islice(remaining, concurrency + ahead - open_listings):
                ask(key, open_listing(key))
                open_listings += 1
            if not open_listings:
                return
            key, pages, done = arrived.get()
            page = _page(key, done)
            yield page
            if page.rows is None:
                open_listings -= 1
            else:
                ask(key, pages)


def _page(key: Key, done: Future[OverlappingRows | None]) -> Page[Key]:
    try:
        return Page(key, rows=done.result())
    except DamstraError as error:
        return Page(key, failure=error)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads; what has not begun at the end does not begin any more."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="damstra-export")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
