"""Delivery of polled events to the webhook receiver, for webhooks that were lost."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.polling.webhook_feed import raise_for_status, receiver_session
from airflow_provider_damstra.webhooks.config import internal_missed_event_url
from airflow_provider_damstra.webhooks.events import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

WEBHOOK_GRACE_PERIOD = 60.0
"""Seconds between a polled event and its delivery; a webhook that arrives later is the duplicate."""


class Reconciler:
    """Delivers polled events to the receiver's inbox, which drops those that a webhook has delivered.

    :param damstra_conn_id: id of the Airflow connection.
    :param retry_interval: seconds until the next try when the receiver cannot be reached.
    :param log: is called with lost webhooks and with errors, as a logger's ``warning``.
    """

    def __init__(self, damstra_conn_id: str, *, retry_interval: float, log: Callable[..., object]) -> None:
        self._conn_id = damstra_conn_id
        self._retry_interval = retry_interval
        self._log = log

    async def deliver(self, events: list[dict[str, Any]]) -> None:
        """Deliver events, and return when the receiver has all of them. Retry until it does."""
        undelivered = list(events)
        if undelivered:
            await asyncio.sleep(WEBHOOK_GRACE_PERIOD)
        while undelivered:
            try:
                async with receiver_session(self._conn_id) as session:
                    while undelivered:
                        await self._deliver_one(session, undelivered[0])
                        del undelivered[0]
            except Exception as error:
                # Of other errors only the type: their text may contain the connection's extra.
                reason = error if isinstance(error, RuntimeError) else type(error).__name__
                self._log("%d events cannot be delivered to the receiver yet: %s", len(undelivered), reason)
                await asyncio.sleep(self._retry_interval)

    async def _deliver_one(self, session: aiohttp.ClientSession, event: dict[str, Any]) -> None:
        try:
            body = EVENT_TYPES[event["name"]].model_validate(event).model_dump(mode="json", by_alias=True)
        except ValueError:
            # Such as a schedule that has lost its date: no webhook has this form. The others must not wait.
            self._log("No webhook can carry this event, and it is left out: %s", event)
            return
        url = internal_missed_event_url(self._conn_id)
        async with session.post(url, json=body, allow_redirects=False) as response:
            if response.status == HTTPStatus.BAD_REQUEST:
                self._log("The receiver rejected this event: %s", event)
                return
            raise_for_status(response)
            result = (await response.json())["result"]
        if result == "received":
            schedule_id = event["lesson_schedule_id"]
            self._log("No webhook was received for %s of lesson schedule %s", event["name"], schedule_id)
