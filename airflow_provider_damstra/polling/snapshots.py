"""Snapshots of users' lesson schedules: polling, hand-over to the event trigger, and storage.

DAG files import this module with the trigger, so the client and the conditions are imported in functions.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

try:
    from airflow.triggers.shared_stream import SharedStreamProducer
except ImportError:  # Airflow before 3.3, which has no shared streams
    SharedStreamProducer = object  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_damstra.conditions.schedule_changes import Snapshot

MAX_BATCH_SIZE = 100
"""Maximum number of users in a batch. Airflow stores its events before the next batch is taken."""

UNLIMITED_FAILURES = 1_000_000_000
"""Limit of consecutive failures of a subscription that no failure ends."""


class SnapshotQueue:
    """Queue of the newest unprocessed snapshot of each user.

    Unlike an ``asyncio.Queue`` it replaces a user's older snapshot, so its size is limited by the number of
    users.
    """

    def __init__(self) -> None:
        self._newest: dict[int, Snapshot] = {}
        self._is_filled = asyncio.Event()

    def put(self, user_id: int, snapshot: Snapshot) -> None:
        """Add a user's snapshot, or replace the queued one."""
        self._newest[user_id] = snapshot
        self._is_filled.set()

    async def get_batch(self, *, max_wait: float) -> dict[int, Snapshot]:
        """Return queued snapshots by user id, or an empty batch after ``max_wait`` seconds without one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max_wait):
                await self._is_filled.wait()
        batch = {user: self._newest.pop(user) for user in list(islice(self._newest, MAX_BATCH_SIZE))}
        if not self._newest:
            self._is_filled.clear()
        return batch


@asynccontextmanager
async def watch_snapshots(
    *,
    user_ids: list[int] | None,
    group_id: int | None,
    damstra_conn_id: str,
    poll_interval: float,
    retry_interval: float,
    log: Any,
) -> AsyncIterator[SnapshotQueue]:
    """Yield a queue that a background task fills with polled snapshots.

    :param retry_interval: seconds until the connection is read again after it was refused or not found.
    :param log: the trigger's logger.
    """
    # In a thread: the first import of the client would block the event loop.
    await asyncio.to_thread(importlib.import_module, "airflow_provider_damstra.polling.registry")
    from airflow_provider_damstra.conditions.schedule_changes import ScheduleChangesCondition
    from airflow_provider_damstra.polling.registry import subscribe

    snapshots = SnapshotQueue()

    async def poll_forever() -> None:
        while True:
            try:
                subscription = subscribe(
                    ScheduleChangesCondition(user_ids=user_ids, group_id=group_id, on_snapshot=snapshots.put),
                    damstra_conn_id=damstra_conn_id,
                    poll_interval=poll_interval,
                    max_poll_failures=UNLIMITED_FAILURES,
                    log=log.info,
                )
                async with subscription as result:
                    reason = (await result).failure
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
            log.warning("No events until this is fixed: %s", reason)
            # Airflow would restart a trigger that ended, without a pause.
            await asyncio.sleep(retry_interval)

    task = asyncio.create_task(poll_forever())
    try:
        yield snapshots
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class SnapshotStore:
    """The event trigger's state: the snapshot of each user at the time of the last emitted events.

    :param store: Airflow's asset state store (3.3); with None the state is lost when the trigger restarts.
    :param prefix: prefix of the keys, as other triggers may share the store.
    :param retry_interval: seconds until the store is read again after an error.
    :param log: called with error messages.
    """

    def __init__(
        self, *, store: Any, prefix: str, retry_interval: float, log: Callable[[str], object]
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._retry_interval = retry_interval
        self._log = log
        self._snapshots: dict[int, Snapshot] = {}
        self._unsaved: dict[int, Snapshot] = {}
        self._saving = asyncio.Lock()

    async def get(self, user_id: int) -> Snapshot | None:
        """Return a user's last snapshot, or None for a new user.

        Retry while the store cannot be read: treating users as new would miss events.
        """
        while user_id not in self._snapshots and self._store is not None:
            try:
                stored = await self._store.aget(self._key(user_id))
            except ValueError as error:
                self._log(f"Snapshots are lost when the triggerer restarts: {error}")
                self._store = None
            except Exception as error:
                self._log(f"The snapshot of user {user_id} cannot be read yet: {error}")
                await asyncio.sleep(self._retry_interval)
            else:
                if stored is None:
                    return None
                self._snapshots[user_id] = stored
        return self._snapshots.get(user_id)

    def update(self, user_id: int, snapshot: Snapshot) -> bool:
        """Set a user's snapshot in memory only, and return whether it differs from the last one."""
        has_changed = self._snapshots.get(user_id) != snapshot
        self._snapshots[user_id] = snapshot
        return has_changed

    async def save(self, snapshots: dict[int, Snapshot]) -> None:
        """Write snapshots to the store; snapshots that cannot be written are retried with the next ones."""
        if self._store is None:
            return
        self._unsaved |= snapshots
        # Deliveries save concurrently: an older snapshot must not be written after a newer one.
        async with self._saving:
            for user_id, snapshot in list(self._unsaved.items()):
                try:
                    await self._store.aset(self._key(user_id), snapshot)
                except Exception as error:
                    self._log(f"The snapshot of user {user_id} is not saved yet: {error}")
                    return
                if self._unsaved[user_id] is snapshot:
                    del self._unsaved[user_id]

    def _key(self, user_id: int) -> str:
        return f"{self._prefix}-{user_id}"


@dataclass
class SnapshotBatch:
    """Snapshots in Airflow's shared stream.

    :param snapshots: the snapshots by user id.
    :param acknowledge: called when Airflow has stored all events of the batch.
    :param is_settled: set when the batch is acknowledged, or Airflow could not store its events.
    """

    snapshots: dict[int, Snapshot]
    acknowledge: Callable[[], Awaitable[None]] | None = None
    is_settled: asyncio.Event = field(default_factory=asyncio.Event)


class SnapshotProducer(SharedStreamProducer):
    """Producer of Airflow's shared stream (3.3); yields the next batch when the last one's events are stored.

    :param watch: returns a context manager that yields the queue of snapshots.
    :param max_wait: seconds after which an empty batch is yielded, so that saving is retried.
    """

    def __init__(
        self, watch: Callable[[], AbstractAsyncContextManager[SnapshotQueue]], *, max_wait: float
    ) -> None:
        self._watch = watch
        self._max_wait = max_wait

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Yield each batch as the stream's item and as the payload to acknowledge."""
        async with self._watch() as snapshots:
            while True:
                batch = SnapshotBatch(await snapshots.get_batch(max_wait=self._max_wait))
                yield batch, batch
                await batch.is_settled.wait()

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Acknowledge batches whose events are stored; the others are emitted again after the next start."""
        for item in batch:
            payload: SnapshotBatch = item.broker_payload
            if item.outcome.is_clean and payload.acknowledge:
                await payload.acknowledge()
            payload.is_settled.set()
