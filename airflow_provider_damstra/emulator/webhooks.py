"""Webhooks: the bodies of events and their delivery in the background."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime
from itertools import count, product
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.webhooks.events import body_fields

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_damstra.emulator.store import Store

MAX_ATTEMPTS = 3
MAX_DELIVERIES_KEPT = 100_000


def build_event(name: str, *values: object, at: datetime) -> dict[str, str]:
    """Return the body of an event; all its fields are strings, ids too."""
    fields = zip(body_fields(name), map(str, values), strict=True)
    return {"name": name, **dict(fields), "timeStamp": format_utc_milliseconds(at)}


class Delivery(BaseModel):
    """The delivery of one event to one webhook.

    :param attempts: how many times it was sent.
    :param state: ``pending``, ``delivered`` or ``failed``.
    :param last: the result of the last attempt: a status or an error.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: int
    webhook_id: int
    url: str
    event: str
    body: dict[str, str]
    attempts: int = 0
    state: str = "pending"
    last: str | None = None


class WebhookDispatcher:
    """Delivers events in the background, in order per URL, with up to three attempts each.

    ``deliveries`` are the latest, in the order of their events.

    :param timeout: seconds per attempt.
    :param backoff: seconds before the second attempt; twice as long before the third.
    """

    def __init__(self, *, timeout: float, backoff: float) -> None:
        self._timeout = timeout
        self._backoff = backoff
        self.deliveries: deque[Delivery] = deque(maxlen=MAX_DELIVERIES_KEPT)
        self._ids = count(1)
        self._queues: dict[str, asyncio.Queue[Delivery]] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    def dispatch(self, store: Store, events: list[dict[str, str]]) -> None:
        """Queue events for the webhooks that subscribe to them. Call it in the event loop's thread."""
        if not events:
            return
        webhooks = store.fetch_all("SELECT * FROM webhooks ORDER BY id")
        for body, webhook in product(events, webhooks):
            if webhook["event"] in (None, body["name"]):
                self._enqueue(webhook["id"], webhook["url"], body)

    def clear(self) -> None:
        """Remove all deliveries and cancel the pending ones."""
        for worker in self._workers:
            worker.cancel()
        self._workers.clear()
        self._queues.clear()
        self.deliveries.clear()

    async def close(self) -> None:
        """Cancel all deliveries and close the connections."""
        workers = list(self._workers)
        self.clear()
        await asyncio.gather(*workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _enqueue(self, webhook_id: int, url: str, body: dict[str, str]) -> None:
        delivery = Delivery(id=next(self._ids), webhook_id=webhook_id, url=url, event=body["name"], body=body)
        self.deliveries.append(delivery)
        if url not in self._queues:
            self._queues[url] = asyncio.Queue()
            self._workers.append(asyncio.create_task(self._deliver_forever(self._queues[url])))
        self._queues[url].put_nowait(delivery)

    async def _deliver_forever(self, queue: asyncio.Queue[Delivery]) -> None:
        while True:
            await self._deliver(await queue.get())

    async def _deliver(self, delivery: Delivery) -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            delivery.attempts = attempt
            if await self._post(delivery):
                delivery.state = "delivered"
                return
            if attempt < MAX_ATTEMPTS:
                await asyncio.sleep(self._backoff * attempt)
        delivery.state = "failed"

    async def _post(self, delivery: Delivery) -> bool:
        """Send a delivery once and return whether the response was a success."""
        # Importing aiohttp takes 0.1 s, and most emulators have no webhook.
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout))
        try:
            async with self._session.post(
                delivery.url, json=delivery.body, allow_redirects=False
            ) as response:
                delivery.last = f"HTTP {response.status}"
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            delivery.last = f"{type(error).__name__}: {error}".rstrip(": ")
            return False
