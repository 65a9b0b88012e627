"""Delivery of polled events to the webhook receiver, for webhooks that were lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.polling.webhook_feed import raise_for_status, receiver_session
from airflow_provider_damstra.webhooks.config import internal_missed_event_url
from airflow_provider_damstra.webhooks.events import EVENT_TYPES

if TYPE_CHECKING:
    import aiohttp

WEBHOOK_GRACE_PERIOD = 60.0
"""Seconds between a polled event and its delivery; a webhook that arrives later is the duplicate."""


async def deliver_missed_events(
    events: list[dict[str, Any]], *, damstra_conn_id: str, retry_interval: float, log: Callable[..., object]
) -> None:
    """Deliver events to the receiver's inbox, which drops those that a webhook has delivered.

    Retry until the receiver has all of them.

    :param damstra_conn_id: id of the Airflow connection.
    :param retry_interval: seconds until the next try when the receiver cannot be reached.
    :param log: is called with lost webhooks and with errors, as a logger's ``warning``.
    """
    undelivered = list(events)
    if undelivered:
        await asyncio.sleep(WEBHOOK_GRACE_PERIOD)
    while undelivered:
        try:
            async with receiver_session(damstra_conn_id) as session:
                while undelivered:
                    await _deliver(undelivered[0], session, internal_missed_event_url(damstra_conn_id), log)
                    del undelivered[0]
        except Exception as error:
            # Of other errors only the type: their text may contain the connection's extra.
            reason = error if isinstance(error, RuntimeError) else type(error).__name__
            log("%d events cannot be delivered to the receiver yet: %s", len(undelivered), reason)
            await asyncio.sleep(retry_interval)


async def _deliver(
    event: dict[str, Any], session: aiohttp.ClientSession, url: str, log: Callable[..., object]
) -> None:
    try:
        body = EVENT_TYPES[event["name"]].model_validate(event).model_dump(mode="json", by_alias=True)
    except ValueError:
        # Such as a schedule that has lost its date: no webhook has this form. The others must not wait.
        log("No webhook can carry this event, and it is left out: %s", event)
        return
    async with session.post(url, json=body, allow_redirects=False) as response:
        if response.status == HTTPStatus.BAD_REQUEST:
            log("The receiver rejected this event: %s", event)
            return
        raise_for_status(response)
        result = (await response.json())["result"]
    if result == "received":
        log(
            "No webhook was received for %s of lesson schedule %s", event["name"], event["lesson_schedule_id"]
        )
