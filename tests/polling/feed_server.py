"""A receiver's feed with injectable faults."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

OVERLAP = 3
"""Number of events before the cursor that are repeated."""


class FeedServer:
    """Returns the events after a cursor, and some before it.

    ``url`` is its address without ``/damstra``; ``failures`` are responses to send first.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, str | None]] = []
        self.failures: list[Callable[[], web.StreamResponse]] = []
        self._events: list[dict[str, Any]] = []

    def receive(self, schedule_id: Any, *, user_id: Any = 1, name: str = "lesson.schedule.completed") -> None:
        """Put an event into the feed."""
        number = len(self._events) + 1
        event = {"id": number, "name": name, "lesson_schedule_id": schedule_id, "user_id": user_id}
        self._events.append(event)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        after = request.query.get("after")
        self.requests.append((request.path, request.headers.get("Authorization", ""), after))
        if self.failures:
            return self.failures.pop(0)()
        cursor = len(self._events)
        events = [] if after is None else self._events[max(int(after) - OVERLAP, 0) :]
        return web.json_response({"cursor": cursor, "events": events})


@asynccontextmanager
async def running_feed_server() -> AsyncIterator[FeedServer]:
    """Serve a feed."""
    server = FeedServer()
    app = web.Application()
    app.router.add_get("/damstra/feed/{conn_id}", server.respond)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
