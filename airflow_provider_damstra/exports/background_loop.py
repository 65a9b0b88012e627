"""Iterate in a synchronous thread over what tasks of an event loop in a background thread produce.

The loop is anyio's blocking portal, which cancels its tasks and ends its thread when the ``with`` block ends.
Items do not go through ``portal.call``: one round trip between the threads for each page costs more than
reading it. They are put into a queue whose size is limited by slots.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyio.from_thread import start_blocking_portal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from concurrent.futures import Future

    from anyio.from_thread import BlockingPortal

THREAD_NAME = "damstra-transfer"

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
        self._items: SimpleQueue[Item | Future[Any]] = SimpleQueue()

    async def acquire_slot(self) -> None:
        """Wait for a slot. Each slot is for one ``put``."""
        await self._slots.acquire()

    def put(self, item: Item) -> None:
        """Put an item for which a slot was acquired."""
        self._items.put(item)

    def _iterate(self, producer: Future[None]) -> Iterator[Item]:
        """Yield the items until the producer has ended.

        :raises Exception: that of the producer.
        """
        producer.add_done_callback(self._items.put)
        while (item := self._items.get()) is not producer:
            yield item  # type: ignore[misc]
            self._loop.call_soon_threadsafe(self._slots.release)
        producer.result()


class BackgroundLoop:
    """An event loop in a background thread. Create it with ``background_loop``."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal

    def iterate(self, produce: Callable[[ItemQueue[Item]], Awaitable[None]], *, size: int) -> Iterator[Item]:
        """Yield the items that a coroutine function puts into a queue.

        :param produce: runs in the event loop; acquires a slot for each item that it puts.
        :param size: slots of the queue: items that are requested, queued or in use at the same time.
        :raises Exception: that of ``produce``, after the items that it had put.
        """
        queue: ItemQueue[Item] = self._portal.call(ItemQueue, size)
        return queue._iterate(self._portal.start_task_soon(produce, queue))


@contextmanager
def background_loop() -> Iterator[BackgroundLoop]:
    """Run an event loop in a background thread for the duration of the block.

    At the end of the block, also when a signal handler raises in it, all tasks are cancelled and awaited and
    the thread ends. Nothing that can be slow is waited for: requests in flight are dropped.
    """
    with start_blocking_portal() as portal:
        try:
            portal.call(_set_up_loop)
            yield BackgroundLoop(portal)
        finally:
            portal.call(portal.stop, True)


class _AbandoningExecutor(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


async def _set_up_loop() -> None:
    threading.current_thread().name = THREAD_NAME
    # The end of the loop must not wait for a name resolution, which cannot be interrupted.
    asyncio.get_running_loop().set_default_executor(_AbandoningExecutor(thread_name_prefix="damstra-resolve"))
