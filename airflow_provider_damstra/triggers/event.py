"""The trigger behind an ``AssetWatcher``: what happens in Damstra, seen by polling."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_damstra.assets import SCHEDULE_EVENTS
from airflow_provider_damstra.validation import (
    parse_ids,
    validate_exactly_one,
    validate_number,
    validate_subset,
)

# DAG files import this module: what asks Damstra is imported by the triggerer, in a thread.
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from contextlib import AbstractAsyncContextManager

    from airflow_provider_damstra.conditions.schedule_changes import Snapshot
    from airflow_provider_damstra.polling.reconciliation import Reconciler
    from airflow_provider_damstra.polling.snapshots import (
        Batch,
        SnapshotProducer,
        SnapshotQueue,
        SnapshotStore,
    )

LOOKED_AT_EVERY = 60.0
RECONCILED_EVERY = 3600.0
"""Seconds between two looks at a user, unless told otherwise."""


class DamstraEventTrigger(BaseEventTrigger):
    """Fires for each event in users' lesson schedules, for ever. It only reads.

    All triggers and sensors on a connection share one poller: what several of them watch is asked once.

    The first look at a user is what later ones are compared with, and fires nothing. Where Airflow has an
    asset state store (3.3), what was seen outlives a restart of the triggerer: it is written as soon as
    Airflow confirms that the events are in its database, so that none is lost; a crash in the second or two
    between the two repeats them. What was created and cancelled, or moved twice, between two looks is seen as
    far as the second look shows it. Without the store (Airflow before 3.3, or one trigger that watches for
    several assets) a restart misses what happened meanwhile.

    A user whose schedules the key may not read does not stop the watch for the others.

    With ``reconcile`` it fires nothing itself: what it sees it hands to the receiver of webhooks, which
    updates the assets of ``damstra_event()`` for what no webhook has brought, verified like a webhook, with
    its partition key, and once, whichever comes first. While the receiver is away it waits.

    :param user_ids: ids of the users to watch; or
    :param group_id: id of the group whose active members to watch.
    :param events: Damstra's names of the events to fire for; default all four of lesson schedules.
    :param damstra_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two looks at a user; default a minute, with ``reconcile`` an hour.
    :param emit_existing: fire at the first look too, for every schedule that is there.
    :param reconcile: only look for what the webhook of the connection did not bring.
    :param refusal_pause: seconds until the connection is read again after Damstra refused the key, or there
        was no such connection; at least ``poll_interval``.
    :raises ValueError: if the users, the group or the events are not ones that can be watched.
    """

    def __init__(
        self,
        *,
        user_ids: Collection[int | str] | None = None,
        group_id: int | str | None = None,
        events: Collection[str] = SCHEDULE_EVENTS,
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
            poll_interval = RECONCILED_EVERY if reconcile else LOOKED_AT_EVERY
        validate_number("poll_interval", poll_interval, at_least=0)
        validate_number("refusal_pause", refusal_pause, at_least=0)
        self.user_ids = None if user_ids is None else parse_ids("user_ids", user_ids)
        self.group_id = None if group_id is None else parse_ids("group_id", [group_id])[0]
        self.events = sorted(events)
        self.damstra_conn_id = damstra_conn_id
        self.poll_interval = poll_interval
        self.emit_existing = emit_existing
        self.reconcile = reconcile
        self.refusal_pause = refusal_pause

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to build this trigger again."""
        names = ("user_ids", "group_id", "events", "damstra_conn_id", "poll_interval", "emit_existing")
        arguments = {name: getattr(self, name) for name in (*names, "reconcile", "refusal_pause")}
        return f"{__name__}.{type(self).__name__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each thing that happened: the loop for Airflow before 3.3, and to reconcile."""
        seen = self._seen()
        async with await self._looking() as looks:
            bring = self._reconciler().bring if self.reconcile else None
            while True:
                changed: dict[int, Snapshot] = {}
                taken = await looks.take(patience=self._pause)
                happened = [one async for one in self._happened(taken, seen, changed)]
                if bring:
                    await bring(happened)
                else:
                    for payload in happened:
                        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
                await seen.keep(changed)

    def shared_stream_key(self) -> tuple[str, ...] | None:
        """Return a key that is this trigger's alone, or None where it has no events that Airflow could keep.

        The requests are shared below this, by the poller: among triggers that watch different people, and
        with sensors. What Airflow's shared streams add is word of what its database holds.
        """
        if self.reconcile:
            return None
        path, arguments = self.serialize()
        return path, json.dumps(arguments)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SnapshotProducer:
        """Return what yields the looks, and hears when Airflow has kept the events made of them (3.3)."""
        from airflow_provider_damstra.polling.snapshots import SnapshotProducer

        trigger = cls(**kwargs)
        return SnapshotProducer(trigger._looking, patience=trigger._pause)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Batch]) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each thing that happened; what was seen is kept once Airflow has them."""
        seen = self._seen()
        async for batch in shared_stream:
            changed: dict[int, Snapshot] = {}
            async for payload in self._happened(batch.looks, seen, changed):
                yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
            batch.keep = partial(seen.keep, changed)

    async def _happened(
        self, looks: dict[int, Snapshot], seen: SnapshotStore, changed: dict[int, Snapshot]
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield what happened since the looks before; what is to be kept then is in ``changed``."""
        from airflow_provider_damstra.conditions.schedule_changes import diff_snapshots

        for user_id, now in looks.items():
            before = await seen.before(user_id)
            if before is None:
                before = {} if self.emit_existing else now
            for event in diff_snapshots(user_id, before, now, observed_at=datetime.now(UTC)):
                if event["name"] in self.events:
                    yield event
            # What is no longer listed stays known, or it would be created anew when it is listed again.
            if seen.update(user_id, merged := {**before, **now}):
                changed[user_id] = merged

    @property
    def _pause(self) -> float:
        return max(self.refusal_pause, self.poll_interval)

    async def _looking(self) -> AbstractAsyncContextManager[SnapshotQueue]:
        """Return what opens the looks. Its import takes a while, in which others are to have their turn."""
        import asyncio

        watch_snapshots = await asyncio.to_thread(_import_looking)
        opened: AbstractAsyncContextManager[SnapshotQueue] = watch_snapshots(
            user_ids=self.user_ids,
            group_id=self.group_id,
            damstra_conn_id=self.damstra_conn_id,
            poll_interval=self.poll_interval,
            pause=self._pause,
            log=self.log,
        )
        return opened

    def _reconciler(self) -> Reconciler:
        from airflow_provider_damstra.polling.reconciliation import Reconciler

        return Reconciler(self.damstra_conn_id, pause=self.refusal_pause, say=self.log.warning)

    def _seen(self) -> SnapshotStore:
        from airflow_provider_damstra.polling.snapshots import SnapshotStore

        # Whom it watches is not part of it: who comes later is no reason to forget the others.
        watched = json.dumps([self.damstra_conn_id, self.events, self.reconcile])
        return SnapshotStore(
            store=getattr(self, "asset_state_store", None),
            prefix=f"damstra-{sha256(watched.encode()).hexdigest()[:12]}",
            pause=self.refusal_pause,
            say=self.log.warning,
        )


def _import_looking() -> Any:
    from airflow_provider_damstra.polling.snapshots import watch_snapshots

    return watch_snapshots
