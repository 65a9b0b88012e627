"""Iterate in a synchronous thread over what tasks of an event loop in a background thread produce.

Hand-written because anyio's blocking portal waits for its thread forever if a signal handler raises while the
portal starts or stops. Items are put into a queue whose size is limited by slots: one round trip between the
threads for each page would cost more than reading it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

THREAD_NAME = "damstra-transfer"

Client = TypeVar("Client")
Item = TypeVar("Item")


class ItemQueue(Generic[Item]):
    """Bounded queue from tasks of an event loop to one consuming thread.

    A slot is taken before an item is requested or put, and becomes free when the consumer requests the next
    item: until then it counts as being in use.

    :param loop: the event loop of the tasks.
    :param size: number of slots.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        self._loop = loop
        self._slots = asyncio.Semaphore(size)
        self._items: SimpleQueue[Item | Future[None]] = SimpleQueue()

    async def acquire_slot(self) -> None:
        """Wait for a slot. Each slot is for one ``put``."""
        await self._slots.acquire()

    def put(self, item: Item) -> None:
        """Put an item for which a slot was acquired."""
        self._items.put(item)

    def _iterate(self, producer: Future[None]) -> Iterator[Item]:
        producer.add_done_callback(self._items.put)
        while (item := self._items.get()) is not producer:
            yield item  # type: ignore[misc]
            self._loop.call_soon_threadsafe(self._slots.release)
        producer.result()


class BackgroundLoop(Generic[Client]):
    """An event loop in a background thread. Create it with ``background_loop``.

    :ivar client: the client that its tasks share.
    """

    client: Client

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._exit_stack = AsyncExitStack()
        self._stopped = asyncio.Event()

    def iterate(
        self, produce: Callable[[ItemQueue[Item]], Coroutine[Any, Any, None]], *, size: int
    ) -> Iterator[Item]:
        """Yield the items that a coroutine function puts into a queue.

        :param produce: runs in the event loop; acquires a slot for each item that it puts.
        :param size: slots of the queue: items that are requested, queued or in use at the same time.
        :raises Exception: that of ``produce``, after the items that it had put.
        """
        queue: ItemQueue[Item] = ItemQueue(self._loop, size)
        return queue._iterate(self._start(produce(queue)))

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _open(self, open_client: Callable[[], AbstractAsyncContextManager[Client]]) -> None:
        self.client = await self._exit_stack.enter_async_context(open_client())

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            # The end of the loop must not wait for a name resolution, which cannot be interrupted.
            executor = _AbandoningExecutor(thread_name_prefix="damstra-resolve")
            self._loop.set_default_executor(executor)
            runner.run(self._cancel_tasks_when_stopped())

    async def _cancel_tasks_when_stopped(self) -> None:
        async with self._exit_stack:
            await self._stopped.wait()
            # Before the client is closed, which would report their requests as failed.
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)


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
    loop: BackgroundLoop[Client] = BackgroundLoop()
    thread = threading.Thread(target=loop._run, name=THREAD_NAME, daemon=True)
    try:
        thread.start()
        loop._start(loop._open(open_client)).result()
        yield loop
    finally:
        loop._stop()
        # A signal handler may have raised while the thread was starting: then it ends by itself.
        if thread.is_alive():
            thread.join()


class _AbandoningExecutor(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)
