"""The trigger behind an ``AssetWatcher``: what happens in Damstra, seen by polling."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_damstra.triggers.pollers import poll_until_over
from airflow_provider_damstra.waits.schedule_changes import (
    EVENTS,
    ScheduleChangesWait,
    Snapshot,
    events_between,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

FOR_EVER = 1_000_000_000
"""Failed looks in a row that are borne: an event trigger has no task that could fail."""

Looks = asyncio.Queue[tuple[int, Snapshot]]


class DamstraEventTrigger(BaseEventTrigger):
    """Fires for each event in users' lesson schedules, for ever. It only reads.

    All triggers and sensors on a connection share one poller: what several of them watch is asked once.

    The first look at a user is what later ones are compared with, and fires nothing. Where Airflow has an
    asset state store (3.3), what was seen outlives a restart of the triggerer. It is written ``settle_time``
    after the events were handed to Airflow, which keeps them about once a second: a crash in between repeats
    them, and none is lost unless Airflow takes longer than that to keep them. What was created and cancelled,
    or moved twice, between two looks is seen as far as the second look shows it. Without the store (Airflow
    before 3.3, or one trigger that watches for several assets) a restart misses what happened meanwhile.

    :param user_ids: ids of the users to watch; or
    :param group_id: id of the group whose active members to watch.
    :param events: Damstra's names of the events to fire for; default all four of lesson schedules.
    :param damstra_conn_id: id of the Airflow connection.
    :param poll_interval: seconds between two looks at a user.
    :param emit_existing: fire at the first look too, for every schedule that is there.
    :param settle_time: seconds from an event until it counts as kept by Airflow.
    :param refusal_pause: seconds until the connection is read again after Damstra refused the key, or there
        was no such connection; at least ``poll_interval``.
    :raises ValueError: if the users, the group or the events are not ones that can be watched.
    """

    def __init__(
        self,
        *,
        user_ids: Collection[int | str] | None = None,
        group_id: int | str | None = None,
        events: Collection[str] = EVENTS,
        damstra_conn_id: str = "damstra_default",
        poll_interval: float = 60.0,
        emit_existing: bool = False,
        settle_time: float = 10.0,
        refusal_pause: float = 60.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if (user_ids is None) == (group_id is None):
            raise ValueError("Name either user_ids or group_id.")
        if unknown := sorted(set(events) - set(EVENTS)):
            raise ValueError(f"events: {', '.join(unknown)} cannot be watched; {', '.join(EVENTS)} can.")
        ScheduleChangesWait(user_ids=user_ids, group_id=group_id, on_look=lambda *_: None)
        self.user_ids = None if user_ids is None else list(user_ids)
        self.group_id = group_id
        self.events = sorted(events)
        self.damstra_conn_id = damstra_conn_id
        self.poll_interval = poll_interval
        self.emit_existing = emit_existing
        self.settle_time = settle_time
        self.refusal_pause = refusal_pause
        self._known: dict[int, Snapshot] = {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer needs to build this trigger again."""
        names = ("user_ids", "group_id", "events", "damstra_conn_id", "poll_interval", "emit_existing")
        arguments = {name: getattr(self, name) for name in (*names, "settle_time", "refusal_pause")}
        return f"{__name__}.{type(self).__name__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each thing that happened."""
        async with self._looking() as looks:
            while True:
                seen = await _all_there_are(looks)
                changed = set()
                for user_id, now in seen:
                    before = await self._last_seen(user_id, now)
                    for event in events_between(user_id, before, now):
                        if event["name"] in self.events:
                            yield TriggerEvent(event)  # type: ignore[no-untyped-call]
                    if self._known.get(user_id) != (merged := {**before, **now}):
                        self._known[user_id] = merged
                        changed.add(user_id)
                await self._keep(changed)

    @asynccontextmanager
    async def _looking(self) -> AsyncIterator[Looks]:
        """Yield where the looks arrive while a task takes them."""
        looks: Looks = asyncio.Queue()
        looking = asyncio.create_task(self._look(looks))
        try:
            yield looks
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look(self, looks: Looks) -> None:
        """Look for ever. After a refusal pause, and read the connection again: it may have been mended."""
        while True:
            try:
                verdict = await poll_until_over(
                    lambda: ScheduleChangesWait(
                        user_ids=self.user_ids,
                        group_id=self.group_id,
                        on_look=lambda user_id, now: looks.put_nowait((user_id, now)),
                    ),
                    damstra_conn_id=self.damstra_conn_id,
                    poll_interval=self.poll_interval,
                    max_poll_failures=FOR_EVER,
                    say=self.log.info,
                )
                reason = verdict.failure
            except Exception as error:
                # Airflow makes a trigger that ended anew at once, and again and again: this one never ends.
                reason = f"{type(error).__name__}: {error}"
            self.log.warning("No events until this is mended: %s", reason)
            await asyncio.sleep(max(self.refusal_pause, self.poll_interval))

    async def _last_seen(self, user_id: int, now: Snapshot) -> Snapshot:
        """Return what the user's schedules were like; at the first look, what they are."""
        if user_id not in self._known:
            stored = await self._stored(user_id)
            if stored is None:
                return {} if self.emit_existing else now
            self._known[user_id] = stored
        return self._known[user_id]

    async def _stored(self, user_id: int) -> Snapshot | None:
        """Return what was kept of a user. While Airflow cannot say, wait: to begin anew would miss events."""
        while store := getattr(self, "asset_state_store", None):
            try:
                return await store.aget(self._key(user_id))  # type: ignore[no-any-return]
            except ValueError as error:
                self.log.warning("What is seen does not outlive a restart: %s", error)
                self.asset_state_store = None
            except Exception as error:
                self.log.warning("What was seen of user %s cannot be read yet: %s", user_id, error)
                await asyncio.sleep(self.refusal_pause)
        return None

    async def _keep(self, changed: Collection[int]) -> None:
        """Write what was seen, once Airflow has had the time to keep the events."""
        store = getattr(self, "asset_state_store", None)
        if store is None or not changed:
            return
        await asyncio.sleep(self.settle_time)
        for user_id in changed:
            try:
                await store.aset(self._key(user_id), self._known[user_id])
            except Exception as error:
                self.log.warning("What was seen of user %s is not kept: %s", user_id, error)

    def _key(self, user_id: int) -> str:
        """Return the key of a user in the asset's store, where other triggers may keep theirs."""
        watched = json.dumps([self.damstra_conn_id, self.user_ids, self.group_id, self.events])
        return f"damstra-{sha256(watched.encode()).hexdigest()[:12]}-{user_id}"


async def _all_there_are(looks: Looks) -> list[tuple[int, Snapshot]]:
    """Return the looks that have arrived, at least one."""
    seen = [await looks.get()]
    while not looks.empty():
        seen.append(looks.get_nowait())
    return seen
