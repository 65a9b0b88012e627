"""The trigger for an ``AssetWatcher``: events in Damstra Learning, found by polling."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_damstra.assets import SCHEDULE_EVENTS, ScheduleEvent
from airflow_provider_damstra.polling.snapshots import SnapshotProducer, SnapshotStore, watch_snapshots
from airflow_provider_damstra.validation import (
    parse_id,
    parse_ids,
    validate_exactly_one,
    validate_number,
    validate_subset,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.schedule_changes import Snapshot
    from airflow_provider_damstra.polling.snapshots import SnapshotBatch, SnapshotQueue

DEFAULT_POLL_INTERVAL = 60.0
DEFAULT_RECONCILE_INTERVAL = 3600.0
"""Seconds between two polls of a user: for events, and to reconcile."""


class DamstraEventTrigger(BaseEventTrigger):
    """Fire for each event in users' lesson schedules, until the asset is no longer watched. It only reads.

    Lists the schedules of each user (``listUserLessonSchedules``), and of a group its members
    (``listGroupMembers``), and compares them with the previous snapshot. All triggers and sensors with the
    same connection share one client and one request per query.

    **Events.** The first snapshot of a user fires nothing. The payload of an event has the fields of the
    webhook: ``name``, ``lesson_schedule_id``, ``user_id``, ``schedule_date``, for cancellations
    ``cancellation_reason`` (always ``unknown``), and ``time_stamp``, the time of the poll; ``source`` is
    ``polling``. Of several changes of a schedule between two polls only their outcome is seen.

    **Serialisation.** All arguments are stored, as JSON.

    **Restart of the triggerer.** With an asset state store (Airflow 3.3) no event is lost: a snapshot is
    written as soon as Airflow confirms that the events are in its database. A crash in the second or two
    between the two repeats them. Without a store (Airflow before 3.3, or one trigger for several assets) the
    events during the restart are lost.

    **Errors** never end the trigger, as Airflow would restart it immediately. A failed poll is repeated with
    a growing pause. A user whose schedules the access key may not read does not affect the others.

    **Reconciliation.** With ``reconcile`` the trigger fires nothing itself. It delivers its events to the
    webhook receiver, which verifies them like webhooks and updates the assets of ``damstra_event()``, with
    partition keys and once for each event, whether polling or the webhook is first. While the receiver cannot
    be reached, the trigger retries.

    :param user_ids: ids of the users to watch; or
    :param group_id: id of the group whose active members to watch.
    :param events: Damstra's names of the events to fire for; default all four of lesson schedules.
    :param damstra_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two polls of a user; default 60, with ``reconcile`` 3600.
    :param emit_existing: fire for every schedule in the first snapshot, too.
    :param reconcile: deliver events that no webhook delivered to the receiver, instead of firing.
    :param refusal_pause: seconds until the connection is read again after Damstra refused the access key or
        the connection was not found; at least ``poll_interval``.
    :raises ValueError: if none or both of ``user_ids`` and ``group_id`` are given, or an argument is invalid.
    """

    def __init__(
        self,
        *,
        user_ids: Collection[int | str] | int | str | None = None,
        group_id: int | str | None = None,
        events: Collection[ScheduleEvent] = SCHEDULE_EVENTS,
        damstra_conn_id: str = "damstra_default",
        poll_interval: float | None = None,
        emit_existing: bool = False,
        reconcile: bool = False,
        refusal_pause: float = 60.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        validate_exactly_one(user_ids=user_ids, group_id=group_id)
        validate_subset("events", events, *SCHEDULE_EVENTS)
        if poll_interval is None:
            poll_interval = DEFAULT_RECONCILE_INTERVAL if reconcile else DEFAULT_POLL_INTERVAL
        validate_number("poll_interval", poll_interval, at_least=0)
        validate_number("refusal_pause", refusal_pause, at_least=0)
        self.user_ids = None if user_ids is None else parse_ids("user_ids", user_ids)
        self.group_id = None if group_id is None else parse_id("group_id", group_id)
        self.events = sorted(events)
        self.damstra_conn_id = damstra_conn_id
        self.poll_interval = poll_interval
        self.emit_existing = emit_existing
        self.reconcile = reconcile
        self.refusal_pause = refusal_pause

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and all arguments."""
        names = ("user_ids", "group_id", "events", "damstra_conn_id", "poll_interval", "emit_existing")
        arguments = {name: getattr(self, name) for name in (*names, "reconcile", "refusal_pause")}
        return f"{__name__}.{type(self).__name__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll snapshots, and yield or reconcile the events between them.

        Airflow 3.3 calls it only with ``reconcile``, and else uses the shared stream below. A snapshot is
        saved after its events have been yielded or delivered.
        """
        store = self._snapshot_store()
        async with self._watch() as snapshots:
            if self.reconcile:
                await self._reconcile(snapshots, store)
            while True:
                batch = await snapshots.get_batch(max_wait=self._retry_interval)
                changed: dict[int, Snapshot] = {}
                async for event in self._detect_events(batch, store, changed):
                    yield TriggerEvent(event)  # type: ignore[no-untyped-call]
                await store.save(changed)

    def shared_stream_key(self) -> tuple[str, ...] | None:
        """Return a key of this trigger alone, or None to reconcile, which yields no events.

        The shared stream (3.3) is used for its confirmation that Airflow has stored the events. Requests are
        shared by the poller anyway, also between triggers for different users, and with sensors.
        """
        if self.reconcile:
            return None
        path, arguments = self.serialize()
        return path, json.dumps(arguments)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SnapshotProducer:
        """Return the producer of snapshots, which is notified when Airflow has stored their events (3.3)."""
        trigger = cls(**kwargs)
        return SnapshotProducer(trigger._watch, max_wait=trigger._retry_interval)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[SnapshotBatch]
    ) -> AsyncIterator[TriggerEvent]:
        """Yield the events between snapshots, which are saved when Airflow has stored the events (3.3)."""
        store = self._snapshot_store()
        async for batch in shared_stream:
            changed: dict[int, Snapshot] = {}
            async for event in self._detect_events(batch.snapshots, store, changed):
                yield TriggerEvent(event)  # type: ignore[no-untyped-call]
            batch.acknowledge = partial(store.save, changed)

    async def _detect_events(
        self, snapshots: dict[int, Snapshot], store: SnapshotStore, changed: dict[int, Snapshot]
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the events since the last snapshots, and add the snapshots to save to ``changed``."""
        from airflow_provider_damstra.conditions.schedule_changes import diff_snapshots

        for user_id, current in snapshots.items():
            before = await store.get(user_id)
            if before is None:
                before = {} if self.emit_existing else current
            for event in diff_snapshots(user_id, before, current, observed_at=datetime.now(UTC)):
                if event["name"] in self.events:
                    yield event
            # Schedules that are not listed now are kept: they are not new if they are listed again.
            merged = {**before, **current}
            if store.update(user_id, merged):
                changed[user_id] = merged

    @property
    def _retry_interval(self) -> float:
        return max(self.refusal_pause, self.poll_interval)

    def _watch(self) -> AbstractAsyncContextManager[SnapshotQueue]:
        return watch_snapshots(
            user_ids=self.user_ids,
            group_id=self.group_id,
            damstra_conn_id=self.damstra_conn_id,
            poll_interval=self.poll_interval,
            retry_interval=self._retry_interval,
            log=self.log,
        )

    async def _reconcile(self, snapshots: SnapshotQueue, store: SnapshotStore) -> NoReturn:
        """Deliver the events between snapshots to the receiver, until cancelled."""
        from airflow_provider_damstra.polling.reconciliation import MissedEventDelivery

        async with asyncio.TaskGroup() as tasks:
            delivery = MissedEventDelivery(
                store,
                damstra_conn_id=self.damstra_conn_id,
                retry_interval=self.refusal_pause,
                log=self.log.warning,
                tasks=tasks,
            )
            while True:
                batch = await snapshots.get_batch(max_wait=self._retry_interval)
                changed: dict[int, Snapshot] = {}
                events = [event async for event in self._detect_events(batch, store, changed)]
                await delivery.add(events, changed)

    def _snapshot_store(self) -> SnapshotStore:
        # The key leaves out the users: to watch one more must not reset the snapshots of the others.
        identity = json.dumps([self.damstra_conn_id, self.events, self.reconcile])
        return SnapshotStore(
            store=getattr(self, "asset_state_store", None),
            prefix=f"damstra-{sha256(identity.encode()).hexdigest()[:12]}",
            retry_interval=self.refusal_pause,
            log=self.log.warning,
        )
