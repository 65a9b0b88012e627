"""Webhooks: who wants to hear of which events, and the deliveries to them."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_damstra.emulator.store import Store

TRIES = 3
LONGEST = 100_000


@dataclass(kw_only=True)
class Delivery:
    """One event on its way to one webhook.

    :param attempts: how often it was tried.
    :param state: ``pending``, ``delivered`` or ``failed``.
    :param last: what came of the last try: a status, or why there was none.
    """

    id: int
    webhook_id: int
    url: str
    body: dict[str, str]
    attempts: int = 0
    state: str = "pending"
    last: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the delivery for the control plane."""
        return {
            "id": self.id,
            "webhookId": self.webhook_id,
            "url": self.url,
            "event": self.body["name"],
            "body": self.body,
            "attempts": self.attempts,
            "state": self.state,
            "last": self.last,
        }


class Webhooks:
    """Delivers events in the background: in order for each URL, up to three times each.

    :param timeout: seconds that a receiver has to answer.
    :param pause: seconds before the second try; twice that before the third.
    """

    def __init__(self, *, timeout: float, pause: float) -> None:
        self._timeout = timeout
        self._pause = pause
        self._deliveries: deque[Delivery] = deque(maxlen=LONGEST)
        self._numbers = count(1)
        self._queues: dict[str, asyncio.Queue[Delivery]] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the deliveries, in the order of the events; of too many the oldest are dropped."""
        return [delivery.as_json() for delivery in self._deliveries]

    def send(self, store: Store, events: list[dict[str, str]]) -> None:
        """Queue events for the webhooks that want them; must be called in the event loop's thread."""
        if not events:
            return
        webhooks = store.fetch_all("SELECT * FROM webhooks ORDER BY id")
        for body in events:
            for webhook in webhooks:
                if webhook["event"] in (None, body["name"]):
                    self._queue(webhook["id"], webhook["url"], body)

    def clear(self) -> None:
        """Forget all deliveries; those under way are broken off."""
        for worker in self._workers:
            worker.cancel()
        self._workers.clear()
        self._queues.clear()
        self._deliveries.clear()

    async def close(self) -> None:
        """End all deliveries and connections."""
        workers = list(self._workers)
        self.clear()
        await asyncio.gather(*workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _queue(self, webhook_id: int, url: str, body: dict[str, str]) -> None:
        delivery = Delivery(id=next(self._numbers), webhook_id=webhook_id, url=url, body=body)
        self._deliveries.append(delivery)
        if url not in self._queues:
            self._queues[url] = asyncio.Queue()
            self._workers.append(asyncio.create_task(self._work(self._queues[url])))
        self._queues[url].put_nowait(delivery)

    async def _work(self, queue: asyncio.Queue[Delivery]) -> None:
        while True:
            await self._deliver(await queue.get())

    async def _deliver(self, delivery: Delivery) -> None:
        for attempt in range(1, TRIES + 1):
            delivery.attempts = attempt
            if await self._try(delivery):
                delivery.state = "delivered"
                return
            if attempt < TRIES:
                await asyncio.sleep(self._pause * attempt)
        delivery.state = "failed"

    async def _try(self, delivery: Delivery) -> bool:
        # aiohttp takes a tenth of a second to import, and most emulators have no webhook.
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
