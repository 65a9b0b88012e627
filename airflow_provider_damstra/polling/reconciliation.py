"""Handing to the receiver what polling saw, for what the webhook did not bring."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.polling.webhook_feed import check, receiver_session
from airflow_provider_damstra.webhooks.config import internal_missed_event_url
from airflow_provider_damstra.webhooks.events import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

WEBHOOK_GRACE_PERIOD = 60.0
"""Seconds that a webhook has to arrive after its event was seen. If it comes later it is the duplicate."""

REFUSED = 400


class Reconciler:
    """Puts events into the receiver's inbox, which has each of them once, whoever says so.

    :param damstra_conn_id: id of the Airflow connection.
    :param pause: seconds until a receiver that is away is asked again.
    :param say: is told what was missed, and what hinders it.
    """

    def __init__(self, damstra_conn_id: str, *, pause: float, say: Callable[..., object]) -> None:
        self._conn_id = damstra_conn_id
        self._pause = pause
        self._say = say

    async def bring(self, events: list[dict[str, Any]]) -> None:
        """Return when the receiver has all events. While it is away, wait: what was seen is not kept yet."""
        waiting = list(events)
        if waiting:
            await asyncio.sleep(WEBHOOK_GRACE_PERIOD)
        while waiting:
            try:
                async with receiver_session(self._conn_id) as session:
                    while waiting:
                        await self._bring_one(session, waiting[0])
                        del waiting[0]
            except Exception as error:
                # Of other errors not what they say: it may be the connection's extra.
                why = error if isinstance(error, RuntimeError) else type(error).__name__
                self._say("%d events cannot be handed to the receiver yet: %s", len(waiting), why)
                await asyncio.sleep(self._pause)

    async def _bring_one(self, session: aiohttp.ClientSession, event: dict[str, Any]) -> None:
        try:
            body = EVENT_TYPES[event["name"]].model_validate(event).model_dump(mode="json", by_alias=True)
        except ValueError:
            # Such as a schedule without a date by now: no webhook says that, and the others must not wait.
            self._say("No webhook could say this, and it is left out: %s", event)
            return
        async with session.post(
            internal_missed_event_url(self._conn_id), json=body, allow_redirects=False
        ) as response:
            if response.status == REFUSED:
                self._say("The receiver takes no such event: %s", event)
                return
            check(response)
            result = (await response.json())["result"]
        if result == "received":
            schedule_id = event["lesson_schedule_id"]
            self._say("No webhook brought %s of lesson schedule %s", event["name"], schedule_id)
