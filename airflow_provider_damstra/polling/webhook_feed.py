"""Following the receiver's feed, so that what a webhook names is looked at at once.

One request a second for all waits of an event loop on a connection. Where no webhooks are received
nothing is asked, and no task is started.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from airflow_provider_damstra.webhooks.config import internal_feed_url, receives_webhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import aiohttp

EVERY = 1.0
"""Seconds between two requests."""

LONGEST_PAUSE = 60.0
"""Seconds until a receiver is asked again that is not there, does not know the token, or failed often."""

log = logging.getLogger(__name__)


class FeedEvent(BaseModel):
    """What somebody says has happened: worth a look and no more, for a webhook may say anything.

    In an event of an unknown name, what is called an id need not be one: the others are heard all the same.
    """

    id: int
    lesson_schedule_id: Any = None
    user_id: Any = None


class FeedPage(BaseModel):
    """The receiver's answer: what came after a cursor, and where to go on."""

    cursor: int
    events: list[FeedEvent]


def start_feed_consumer(
    damstra_conn_id: str, *, expedite: Callable[..., object]
) -> asyncio.Task[None] | None:
    """Start a task that follows a connection's feed, or return None if nothing is received for it.

    :param expedite: is called with ``lesson_schedule_ids`` and ``user_ids``.
    """
    if not receives_webhooks(damstra_conn_id):
        return None
    follower = WebhookFeedConsumer(damstra_conn_id, expedite=expedite)
    # In an empty context: what it logs is about nobody's task in particular.
    return asyncio.get_running_loop().create_task(follower.follow(), context=Context())


class WebhookFeedConsumer:
    """Asks the receiver what was received for a connection, and hands on what it names.

    :param damstra_conn_id: id of the Airflow connection.
    :param expedite: is called with ``lesson_schedule_ids`` and ``user_ids``.
    """

    def __init__(self, damstra_conn_id: str, *, expedite: Callable[..., object]) -> None:
        self._conn_id = damstra_conn_id
        self._hurry = expedite
        self._cursor: int | None = None
        self._seen: frozenset[int] = frozenset()
        self._failures = 0

    async def follow(self) -> None:
        """Follow for ever. Whatever fails only makes the waits as slow as their own interval."""
        while True:
            pause = LONGEST_PAUSE
            try:
                await self._follow_until_it_fails()
            except ReceiverUnavailableError as error:
                log.debug("Waits on %s go on without webhooks: %s", self._conn_id, error)
            except Exception as error:
                self._failures += 1
                pause = min(EVERY * 2.0 ** min(self._failures, 10), LONGEST_PAUSE)
                # Not what the error says: it may hold the connection's extra.
                log.info("The feed of %s failed, it is asked again: %s", self._conn_id, type(error).__name__)
            await asyncio.sleep(pause)

    async def _follow_until_it_fails(self) -> None:
        async with receiver_session(self._conn_id) as session:
            while True:
                self._hand_on(await self._ask(session))
                self._failures = 0
                await asyncio.sleep(EVERY)

    async def _ask(self, session: aiohttp.ClientSession) -> FeedPage:
        query = {} if self._cursor is None else {"after": str(self._cursor)}
        async with session.get(
            internal_feed_url(self._conn_id), params=query, allow_redirects=False
        ) as response:
            check(response)
            return FeedPage.model_validate_json(await response.read())

    def _hand_on(self, news: FeedPage) -> None:
        """Hand on what is new: the feed repeats what is young, so that nothing is missed."""
        self._cursor = news.cursor
        new = [hint for hint in news.events if hint.id not in self._seen]
        self._seen = frozenset(hint.id for hint in news.events)
        hints = [hint for hint in new if isinstance(hint.lesson_schedule_id, int)]
        if hints:
            schedules = {hint.lesson_schedule_id for hint in hints}
            users = {hint.user_id for hint in hints if isinstance(hint.user_id, int)}
            self._hurry(lesson_schedule_ids=schedules, user_ids=users)


TIMEOUT = 10.0


class ReceiverUnavailableError(RuntimeError):
    """There is nobody to ask: no token, or a receiver that does not know it."""


@asynccontextmanager
async def receiver_session(damstra_conn_id: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session that shows a connection's token to the receiver: follow no redirects with it.

    :raises ReceiverUnavailableError: if the connection has no token.
    """
    from airflow_provider_damstra.hooks.damstra import DamstraHook

    token = await DamstraHook(damstra_conn_id=damstra_conn_id).async_webhook_token()
    if token is None:
        raise ReceiverUnavailableError("the connection has no webhook_token")
    aiohttp = await asyncio.to_thread(_import_aiohttp)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
        yield session


def check(response: aiohttp.ClientResponse) -> None:
    """Refuse what is no answer.

    :raises ReceiverUnavailableError: if the receiver is not there, or does not know the token.
    :raises RuntimeError: if it failed.
    """
    if response.status in (404, 405):
        raise ReceiverUnavailableError("the receiver is not enabled, or knows another token or network")
    if response.status != 200:
        raise RuntimeError(f"the receiver answered {response.status}")


def _import_aiohttp() -> Any:
    import aiohttp

    return aiohttp
