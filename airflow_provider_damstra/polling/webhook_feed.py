"""Consumer of the webhook receiver's feed, which expedites the polls of objects that webhooks name.

It sends one request per second for all subscriptions of an event loop to a connection. Where no webhooks are
received, no task is started and nothing is requested.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from airflow_provider_damstra.webhooks.config import internal_feed_url, receives_webhooks

if TYPE_CHECKING:
    import aiohttp

POLL_INTERVAL = 1.0
"""Seconds between two requests."""

MAX_BACKOFF = 60.0
"""Seconds until the next request to a receiver that is disabled, rejects the token, or failed often."""

REQUEST_TIMEOUT = 10.0
"""Seconds for one request to the receiver."""

log = logging.getLogger(__name__)


class FeedEvent(BaseModel):
    """The ids that a webhook names, which are not verified yet.

    Events of unknown names may have something else than ids in these fields; they must not break the others.
    """

    id: int
    lesson_schedule_id: Any = None
    user_id: Any = None


class FeedPage(BaseModel):
    """The receiver's response: the events after a cursor, and the next cursor."""

    cursor: int
    events: list[FeedEvent]


class ReceiverUnavailableError(RuntimeError):
    """The connection has no token, or the receiver is disabled or does not accept the token."""


def start_feed_consumer(
    damstra_conn_id: str, *, expedite: Callable[..., object]
) -> asyncio.Task[None] | None:
    """Start a task that consumes a connection's feed, or return None if no webhooks are received for it.

    :param expedite: is called with ``lesson_schedule_ids`` and ``user_ids``.
    """
    if not receives_webhooks(damstra_conn_id):
        return None
    consumer = WebhookFeedConsumer(damstra_conn_id, expedite=expedite)
    # In an empty context, as its log lines belong to no single task.
    return asyncio.get_running_loop().create_task(consumer.run(), context=Context())


class WebhookFeedConsumer:
    """Requests the events received for a connection, and expedites the polls of the objects they name."""

    def __init__(self, damstra_conn_id: str, *, expedite: Callable[..., object]) -> None:
        self._conn_id = damstra_conn_id
        self._expedite = expedite
        self._cursor: int | None = None
        self._seen_ids: frozenset[int] = frozenset()
        self._failures = 0

    async def run(self) -> None:
        """Consume the feed until cancelled. While it fails, tasks wait as long as without webhooks."""
        while True:
            pause = MAX_BACKOFF
            try:
                await self._consume()
            except ReceiverUnavailableError as error:
                log.debug("Waits on %s continue without webhooks: %s", self._conn_id, error)
            except Exception as error:
                self._failures += 1
                pause = min(POLL_INTERVAL * 2.0 ** min(self._failures, 10), MAX_BACKOFF)
                # Only the error's type: its text may contain the connection's extra.
                log.info(
                    "The feed of %s failed, it is requested again: %s", self._conn_id, type(error).__name__
                )
            await asyncio.sleep(pause)

    async def _consume(self) -> None:
        """Poll the feed until a request fails."""
        async with receiver_session(self._conn_id) as session:
            while True:
                self._process(await self._fetch_page(session))
                self._failures = 0
                await asyncio.sleep(POLL_INTERVAL)

    async def _fetch_page(self, session: aiohttp.ClientSession) -> FeedPage:
        params = {} if self._cursor is None else {"after": str(self._cursor)}
        url = internal_feed_url(self._conn_id)
        async with session.get(url, params=params, allow_redirects=False) as response:
            raise_for_status(response)
            return FeedPage.model_validate_json(await response.read())

    def _process(self, page: FeedPage) -> None:
        """Expedite for new events: the feed repeats recent ones, so that none is missed."""
        new = [event for event in page.events if event.id not in self._seen_ids]
        self._cursor = page.cursor
        self._seen_ids = frozenset(event.id for event in page.events)
        about_schedules = [event for event in new if isinstance(event.lesson_schedule_id, int)]
        if about_schedules:
            self._expedite(
                lesson_schedule_ids={event.lesson_schedule_id for event in about_schedules},
                user_ids={event.user_id for event in about_schedules if isinstance(event.user_id, int)},
            )


@asynccontextmanager
async def receiver_session(damstra_conn_id: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session that sends a connection's token to the receiver; do not follow redirects with it.

    :raises ReceiverUnavailableError: if the connection has no token.
    """
    from airflow_provider_damstra.hooks.damstra import DamstraHook

    token = await DamstraHook(damstra_conn_id=damstra_conn_id).async_webhook_token()
    if token is None:
        raise ReceiverUnavailableError("the connection has no webhook_token")
    # In a thread: the first import of aiohttp would block the event loop.
    aiohttp = await asyncio.to_thread(importlib.import_module, "aiohttp")
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
        yield session


def raise_for_status(response: aiohttp.ClientResponse) -> None:
    """Raise unless the receiver responded with status 200.

    :raises ReceiverUnavailableError: if the receiver is disabled or does not accept the token.
    :raises RuntimeError: if it failed.
    """
    if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        raise ReceiverUnavailableError(
            "the receiver is not enabled, or does not accept this token or network"
        )
    if response.status != HTTPStatus.OK:
        raise RuntimeError(f"the receiver responded with status {response.status}")
