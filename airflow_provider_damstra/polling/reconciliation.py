"""Delivery of polled events to the webhook receiver, for webhooks that were lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.polling.webhook_feed import raise_for_status, receiver_session
from airflow_provider_damstra.webhooks.config import internal_missed_event_url
from airflow_provider_damstra.webhooks.events import EVENT_TYPES

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_damstra.conditions.schedule_changes import Snapshot
    from airflow_provider_damstra.polling.snapshots import SnapshotStore

WEBHOOK_GRACE_PERIOD = 60.0
"""Seconds between a polled event and its delivery; a webhook that arrives later is the duplicate."""

MAX_BATCHES = 100
"""Batches of events that wait for their delivery; further snapshots are compared when one is delivered."""

MAX_CONCURRENT_DELIVERIES = 4
"""Batches that are sent to the receiver concurrently, one event after the other."""


class MissedEventDelivery:
    """Deliver batches of events to the receiver's inbox, which drops those that a webhook has delivered.

    Batches are delivered concurrently and retried until the receiver has all their events. A user's snapshot
    is saved when none of the user's events is undelivered, so that a restart delivers these again.

    :param store: the snapshots at the time of the last delivered events.
    :param damstra_conn_id: id of the Airflow connection.
    :param retry_interval: seconds until the next try when the receiver cannot be reached.
    :param log: is called with lost webhooks and with errors, as a logger's ``warning``.
    :param tasks: runs the deliveries.
    """

    def __init__(
        self,
        store: SnapshotStore,
        *,
        damstra_conn_id: str,
        retry_interval: float,
        log: Callable[..., object],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._store = store
        self._conn_id = damstra_conn_id
        self._retry_interval = retry_interval
        self._log = log
        self._tasks = tasks
        self._batches = asyncio.Semaphore(MAX_BATCHES)
        self._deliveries = asyncio.Semaphore(MAX_CONCURRENT_DELIVERIES)
        self._undelivered: Counter[int] = Counter()
        self._unsaved: dict[int, Snapshot] = {}
        self._problem = ""

    async def add(self, events: list[dict[str, Any]], snapshots: dict[int, Snapshot]) -> None:
        """Start to deliver a batch; wait while there are ``MAX_BATCHES``.

        :param snapshots: the snapshots by user id to save after the events were delivered.
        """
        # Before the next await: until then no other delivery can save these snapshots.
        self._undelivered.update(event["user_id"] for event in events)
        self._unsaved |= snapshots
        if events:
            await self._batches.acquire()
            self._tasks.create_task(self._deliver(events))
        await self._save()

    async def _save(self) -> None:
        ready = [user_id for user_id in self._unsaved if not self._undelivered[user_id]]
        await self._store.save({user_id: self._unsaved.pop(user_id) for user_id in ready})

    async def _deliver(self, events: list[dict[str, Any]]) -> None:
        """Deliver a batch after the grace period; try again until the receiver has all its events."""
        await asyncio.sleep(WEBHOOK_GRACE_PERIOD)
        undelivered = list(events)
        while True:
            async with self._deliveries:
                await self._send(undelivered)
            if not undelivered:
                break
            await asyncio.sleep(self._retry_interval)
        self._undelivered.subtract(event["user_id"] for event in events)
        self._batches.release()
        await self._save()

    async def _send(self, undelivered: list[dict[str, Any]]) -> None:
        """Send events, and remove those that the receiver has from the list."""
        try:
            async with receiver_session(self._conn_id) as session:
                while undelivered:
                    await _send_event(
                        undelivered[0], session, internal_missed_event_url(self._conn_id), self._log
                    )
                    del undelivered[0]
        except Exception as error:
            # Of other errors only the type: their text may contain the connection's extra.
            problem = str(error) if isinstance(error, RuntimeError) else type(error).__name__
        else:
            problem = ""
        self._log_change(problem)

    def _log_change(self, problem: str) -> None:
        """Log a problem of the receiver when it differs from the last one, and once when it is resolved."""
        if problem and problem != self._problem:
            self._log("Missed events cannot be delivered to the receiver yet: %s", problem)
        elif self._problem and not problem:
            self._log("Missed events are delivered to the receiver again.")
        self._problem = problem


async def _send_event(
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
