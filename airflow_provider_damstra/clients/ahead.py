"""Pages of one listing asked for ahead of their reader, in threads, in little memory."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.clients.sync import Opened
    from airflow_provider_damstra.wire import Request

Page = TypeVar("Page")

READERS = 4
"""Answers that are read at once, or have been read and not been taken."""


class PagesAhead(Generic[Page]):
    """Asks for many pages at once, but reads only a few answers.

    The others wait where the kernel keeps them: bodies cost memory, and several threads that read and decode
    at once only wait for each other.

    :param ask: sends a request, and returns the answer when it begins.
    :param read: returns the page of an answer; may send the request again.
    :param most: requests in flight at once.
    """

    def __init__(
        self,
        ask: Callable[[Request], Opened],
        read: Callable[[Request, Future[Opened]], Page],
        *,
        most: int,
    ) -> None:
        self._ask = ask
        self._read = read
        self._most = most
        self._pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor] | None = None
        self._asked: deque[tuple[Request, Future[Opened]]] = deque()
        self._being_read: deque[tuple[Future[Page], Future[Opened]]] = deque()

    def __len__(self) -> int:
        """Return how many pages were asked for and not taken."""
        return len(self._asked) + len(self._being_read)

    def ask_for(self, requests: list[Request]) -> None:
        """Ask for pages; they come in this order."""
        askers, _ = self._threads()
        self._asked.extend((request, askers.submit(self._ask, request)) for request in requests)
        self._read_on()

    def take(self) -> Page:
        """Return the next page as soon as it is there."""
        page = self._being_read.popleft()[0].result()
        self._read_on()
        return page

    def drop(self) -> None:
        """Forget what was asked for and not taken."""
        for page, opened in self._being_read:
            if page.cancel():
                _discard(opened)
        for _, opened in self._asked:
            _discard(opened)
        self._being_read.clear()
        self._asked.clear()

    def close(self) -> None:
        """Drop everything, and end the threads as soon as they can."""
        self.drop()
        for pool in self._pools or ():
            pool.shutdown(wait=False, cancel_futures=True)

    def _threads(self) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
        """Return who asks and who reads: made late, for most listings have one page and need neither."""
        if self._pools is None:
            self._pools = (
                ThreadPoolExecutor(self._most, thread_name_prefix="damstra-ask"),
                ThreadPoolExecutor(min(READERS, self._most), thread_name_prefix="damstra-read"),
            )
        return self._pools

    def _read_on(self) -> None:
        _, readers = self._threads()
        while self._asked and len(self._being_read) < READERS:
            request, opened = self._asked.popleft()
            self._being_read.append((readers.submit(self._read, request, opened), opened))


def _discard(opened: Future[Opened]) -> None:
    if not opened.cancel():
        opened.add_done_callback(_close)


def _close(opened: Future[Opened]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()
