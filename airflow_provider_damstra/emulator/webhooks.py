"""Webhooks: the bodies of events and their delivery in the background."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from datetime import datetime
from itertools import count, product
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, field_serializer
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.webhooks.events import body_fields

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_damstra.emulator.broadcaster import Broadcaster
    from airflow_provider_damstra.emulator.store import Store

MAX_ATTEMPTS = 3
MAX_DELIVERIES_KEPT = 100_000
MAX_WAITING = 100_000
"""The most deliveries that wait for an earlier one to the same URL."""

_PENDING, _DELIVERED, _FAILED = "pending", "delivered", "failed"
_LOGIN = re.compile(r"(?<=://)[^/?#@\s]+@")
_TOKEN = re.compile(r"(/damstra/webhooks/[^/\s]+/)[^/?#\s]+")


def mask_secrets(text: str) -> str:
    """Return a URL, or a text with URLs, with ``***`` instead of logins and the tokens of webhooks."""
    return _TOKEN.sub(r"\1***", _LOGIN.sub("***@", text))


def build_event(name: str, *values: object, at: datetime) -> dict[str, str]:
    """Return the body of an event; all its fields are strings, ids too."""
    fields = zip(body_fields(name), map(str, values), strict=True)
    return {"name": name, **dict(fields), "timeStamp": format_utc_milliseconds(at)}


class Delivery(BaseModel):
    """The delivery of one event to one webhook; in JSON, secrets of the URL are masked.

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
    state: str = _PENDING
    last: str | None = None

    @field_serializer("url", "last")
    def _mask(self, text: str | None) -> str | None:
        return text and mask_secrets(text)


class WebhookDispatcher:
    """Delivers events in the background, in order per URL, with up to three attempts each.

    ``deliveries`` are the latest, in the order of their events.

    :param timeout: seconds per attempt.
    :param backoff: seconds before the second attempt; twice as long before the third.
    :param broadcaster: gets every change of a delivery.
    """

    def __init__(self, *, timeout: float, backoff: float, broadcaster: Broadcaster) -> None:
        self._timeout = timeout
        self._backoff = backoff
        self._broadcaster = broadcaster
        self.deliveries: deque[Delivery] = deque(maxlen=MAX_DELIVERIES_KEPT)
        self._ids = count(1)
        self._queues: dict[str, asyncio.Queue[Delivery]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def dispatch(self, store: Store, events: list[dict[str, str]]) -> None:
        """Queue events for the webhooks that subscribe to them. Call it in the event loop's thread."""
        if not events:
            return
        webhooks = store.fetch_all("SELECT * FROM webhooks ORDER BY id")
        for body, webhook in product(events, webhooks):
            if webhook["event"] in (None, body["name"]):
                self._enqueue(webhook["id"], webhook["url"], body)

    def stop_deleted(self, store: Store) -> None:
        """Stop the pending deliveries to webhooks that are not in the store any more; they have failed."""
        urls = {row["id"]: row["url"] for row in store.fetch_all("SELECT id, url FROM webhooks")}
        for delivery in self.deliveries:
            if delivery.state == _PENDING and delivery.webhook_id not in urls:
                self._finish(delivery, _FAILED, "the webhook was deleted")
        self._stop_workers(self._workers.keys() - urls.values())

    def clear(self) -> None:
        """Remove all deliveries and cancel the pending ones."""
        self._stop_workers(set(self._workers))
        self.deliveries.clear()

    async def close(self) -> None:
        """Cancel all deliveries and close the connections."""
        workers = list(self._workers.values())
        self.clear()
        await asyncio.gather(*workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _enqueue(self, webhook_id: int, url: str, body: dict[str, str]) -> None:
        delivery = Delivery(id=next(self._ids), webhook_id=webhook_id, url=url, event=body["name"], body=body)
        self.deliveries.append(delivery)
        self._publish(delivery)
        if sum(queue.qsize() for queue in self._queues.values()) >= MAX_WAITING:
            self._finish(delivery, _FAILED, f"not sent: {MAX_WAITING} deliveries are waiting")
            return
        if url not in self._queues:
            self._queues[url] = asyncio.Queue()
            self._workers[url] = asyncio.create_task(self._deliver_forever(self._queues[url]))
        self._queues[url].put_nowait(delivery)

    def _stop_workers(self, urls: set[str]) -> None:
        for url in urls:
            self._workers.pop(url).cancel()
            del self._queues[url]

    async def _deliver_forever(self, queue: asyncio.Queue[Delivery]) -> None:
        while True:
            await self._deliver(await queue.get())

    async def _deliver(self, delivery: Delivery) -> None:
        """Send a delivery until it succeeds, has no attempts left, or its webhook is deleted."""
        while delivery.state == _PENDING:
            delivery.attempts += 1
            is_delivered, result = await self._post(delivery)
            if is_delivered:
                self._finish(delivery, _DELIVERED, result)
            elif delivery.state == _PENDING:
                delivery.last = result
                if delivery.attempts == MAX_ATTEMPTS:
                    self._finish(delivery, _FAILED, result)
                else:
                    await asyncio.sleep(self._backoff * delivery.attempts)

    def _finish(self, delivery: Delivery, state: str, result: str) -> None:
        delivery.state, delivery.last = state, result
        self._publish(delivery)

    def _publish(self, delivery: Delivery) -> None:
        self._broadcaster.publish("delivery", lambda: delivery.model_dump(by_alias=True))

    async def _post(self, delivery: Delivery) -> tuple[bool, str]:
        """Send a delivery once; return whether the response was a success, and the status or an error."""
        # Importing aiohttp takes 0.1 s, and most emulators have no webhook.
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout))
        try:
            async with self._session.post(
                delivery.url, json=delivery.body, allow_redirects=False
            ) as response:
                return 200 <= response.status < 300, f"HTTP {response.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            return False, f"{type(error).__name__}: {error}".rstrip(": ")
