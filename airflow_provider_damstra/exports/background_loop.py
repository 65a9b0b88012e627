"""Iterate in a synchronous thread over what tasks of an event loop in a background thread produce.

The loop is that of anyio's blocking portal. Items do not go through ``portal.call``: one round trip between
the threads for each page costs more than reading it. They are put into a queue whose size is limited by
slots.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyio.from_thread import start_blocking_portal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager

    from anyio.from_thread import BlockingPortal

THREAD_NAME = "damstra-transfer"

Client = TypeVar("Client")
Item = TypeVar("Item")


class ItemQueue(Generic[Item]):
    """Bounded queue from tasks of an event loop to one consuming thread.

    A slot is taken before an item is requested or put, and becomes free when the consumer requests the next
    item: until then it counts as being in use.

    :param size: number of slots.
    """

    def __init__(self, size: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(size)
        self._items: SimpleQueue[Item | asyncio.Task[None]] = SimpleQueue()

    async def acquire_slot(self) -> None:
        """Wait for a slot. Each slot is for one ``put``."""
        await self._slots.acquire()

    def put(self, item: Item) -> None:
        """Put an item for which a slot was acquired."""
        self._items.put(item)

    def _iterate(self, producer: asyncio.Task[None]) -> Iterator[Item]:
        while (item := self._items.get()) is not producer:
            yield item  # type: ignore[misc]
            self._loop.call_soon_threadsafe(self._slots.release)
        producer.result()


class BackgroundLoop(Generic[Client]):
    """An event loop in a background thread. Create it with ``background_loop``.

    :param client: the client that its tasks share.
    """

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self.client = client
        self._portal = portal
        self._producers: list[asyncio.Task[None]] = []

    def iterate(
        self, produce: Callable[[ItemQueue[Item]], Coroutine[Any, Any, None]], *, size: int
    ) -> Iterator[Item]:
        """Yield the items that a coroutine function puts into a queue.

        :param produce: runs in the event loop; acquires a slot for each item that it puts.
        :param size: slots of the queue: items that are requested, queued or in use at the same time.
        :raises Exception: that of ``produce``, after the items that it had put.
        """

        async def start() -> Iterator[Item]:
            queue: ItemQueue[Item] = ItemQueue(size)
            producer = asyncio.create_task(produce(queue))
            producer.add_done_callback(queue._items.put)
            self._producers.append(producer)
            return queue._iterate(producer)

        return self._portal.call(start)

    async def _cancel(self) -> None:
        for producer in self._producers:
            producer.cancel()
        await asyncio.gather(*self._producers, return_exceptions=True)


@contextmanager
def background_loop(
    open_client: Callable[[], AbstractAsyncContextManager[Client]],
) -> Iterator[BackgroundLoop[Client]]:
    """Run an event loop with a client in a background thread for the duration of the block.

    At the end of the block, also when a signal handler raises in it, all tasks are cancelled and awaited, the
    client is closed and the thread ends. Nothing that can be slow is waited for: requests in flight are
    dropped.

    :param open_client: called in the event loop.
    """

    @asynccontextmanager
    async def open_loop() -> AsyncIterator[BackgroundLoop[Client]]:
        threading.current_thread().name = THREAD_NAME
        # The end of the loop must not wait for a name resolution, which cannot be interrupted.
        executor = _AbandoningExecutor(thread_name_prefix="damstra-resolve")
        asyncio.get_running_loop().set_default_executor(executor)
        async with open_client() as client:
            loop = BackgroundLoop(portal, client)
            try:
                yield loop
            finally:
                # Before the client is closed, which would report their requests as failed.
                await loop._cancel()

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(open_loop()) as loop:
        yield loop


class _AbandoningExecutor(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)
