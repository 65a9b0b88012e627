"""Server-sent events for the pages that show what happens in the emulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

MAX_UNREAD = 1000
HEARTBEAT_SECONDS = 15.0
_HEARTBEAT = b": still connected\n\n"

Event = tuple[str, Any]
"""Name and data of an event."""


class Broadcaster:
    """Sends events to all subscribers. Use it in the event loop's thread.

    A subscriber that reads too slowly is disconnected; browsers reconnect and get the latest events again.
    """

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes | None]] = set()

    def publish(self, name: str, data: Callable[[], Any] = lambda: None) -> None:
        """Queue an event for each subscriber.

        :param data: builds the data, a JSON value; called only if there is a subscriber.
        """
        if not self._queues:
            return
        message = _encode((name, data()))
        for queue in list(self._queues):
            if queue.full():
                self._disconnect(queue)
            else:
                queue.put_nowait(message)

    async def subscribe(self, latest: Callable[[], Iterable[Event]]) -> AsyncGenerator[bytes]:
        """Yield the body of a stream of events; the subscription lasts as long as the iteration.

        :param latest: returns the events before the subscription, which begins with the first step of the
            iteration; none is lost or repeated between them and the others.
        """
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_UNREAD)
        message: bytes | None = b"".join(map(_encode, latest())) or _HEARTBEAT
        self._queues.add(queue)
        try:
            while message is not None:
                yield message
                message = await _next(queue)
        finally:
            self._queues.discard(queue)

    def close(self) -> None:
        """End all streams."""
        for queue in list(self._queues):
            self._disconnect(queue)

    def _disconnect(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


async def _next(queue: asyncio.Queue[bytes | None]) -> bytes | None:
    """Return the next message, or a heartbeat, which detects that the client has disconnected."""
    try:
        return await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
    except TimeoutError:
        return _HEARTBEAT


def _encode(event: Event) -> bytes:
    name, data = event
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
