"""Pages of one listing asked for ahead of their reader, in little memory."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_damstra.clients.polling import readable
from airflow_provider_damstra.clients.transport import Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.clients.transport import Transport
    from airflow_provider_damstra.http import Request

Page = TypeVar("Page")
Coming = Sent | Future[Sent]

READERS = 4
"""Answers that are read at once where the network is slow, or have been read and not been taken."""


class PagesAhead(Generic[Page]):
    """Asks for many pages at once, and reads them in order.

    Who takes the pages sends the requests, if a connection is open, or the server near, and a turn is free:
    threads would mostly wait for each other. Else a thread waits for these. The answers wait where the
    kernel keeps them, for bodies cost memory; where they come slowly, some are read at once, in threads.

    :param read: returns the page of an answer; may send the request again.
    :param most: requests in flight at once.
    """

    def __init__(
        self, transport: Transport, read: Callable[[Request, Callable[[], Sent]], Page], *, most: int
    ) -> None:
        self._transport = transport
        self._read = read
        self._most = most
        self._pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor] | None = None
        self._asked: deque[tuple[Request, Coming]] = deque()
        self._being_read: deque[tuple[Future[Page], Coming]] = deque()
        self._taken_at = time.monotonic()

    def __len__(self) -> int:
        """Return how many pages were asked for and not taken."""
        return len(self._asked) + len(self._being_read)

    def ask_for(self, requests: list[Request]) -> None:
        """Ask for pages; they come in this order."""
        for request in requests:
            self._asked.append((request, self._ask(request)))

    def take(self) -> Page:
        """Return the next page as soon as it is there."""
        self._note_what_has_begun()
        page = self._next_being_read() if self._being_read else self._next_asked()
        if self._transport.is_slow:
            self._read_on()
        self._taken_at = time.monotonic()
        return page

    def drop(self) -> None:
        """Forget what was asked for and not taken."""
        for page, coming in self._being_read:
            if page.cancel():
                _discard(coming)
        for _, coming in self._asked:
            _discard(coming)
        self._being_read.clear()
        self._asked.clear()

    def close(self) -> None:
        """Drop everything, and end the threads as soon as they can."""
        self.drop()
        for pool in self._pools or ():
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, request: Request) -> Coming:
        at_once = self._transport.ask_at_once(request)
        return at_once or self._threads()[0].submit(self._transport.ask, request)

    def _next_being_read(self) -> Page:
        page, coming = self._being_read.popleft()
        try:
            return page.result()
        finally:
            # Who is interrupted here leaves nothing behind.
            if page.cancel():
                _discard(coming)

    def _next_asked(self) -> Page:
        request, coming = self._asked.popleft()
        try:
            return self._read(request, _sent(coming))
        except BaseException:
            _discard(coming)
            raise

    def _note_what_has_begun(self) -> None:
        awaited = [one for _, one in self._asked if isinstance(one, Sent) and one.is_awaited]
        for sent in readable(awaited, seconds=0):
            # Nobody looked since the last page was taken. How long that was used says nothing of the server.
            sent.has_begun(self._taken_at)

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
            request, coming = self._asked.popleft()
            self._being_read.append((readers.submit(self._read, request, _sent(coming)), coming))


def _sent(coming: Coming) -> Callable[[], Sent]:
    return coming.result if isinstance(coming, Future) else lambda: coming


def _discard(coming: Coming) -> None:
    if isinstance(coming, Sent):
        coming.close()
    elif not coming.cancel():
        coming.add_done_callback(_close)


def _close(asked: Future[Sent]) -> None:
    if not asked.cancelled() and asked.exception() is None:
        asked.result().close()
