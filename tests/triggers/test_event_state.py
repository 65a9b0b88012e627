"""The event trigger's state across restarts: it contains exactly what Airflow has confirmed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.assets import SCHEDULE_COMPLETED
from airflow_provider_damstra.polling.snapshots import MAX_BATCH_SIZE, SnapshotQueue, SnapshotStore
from tests.polling.helpers import LAST, LIAM, SECOND, THIRD, other_tasks, wait_for_requests
from tests.triggers.helpers import FakeStateStore, event_trigger, streaming_trigger
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

pytestmark = pytest.mark.needs_airflow("3.3")

OTHER = 1012
BOTH = [(SCHEDULE_COMPLETED, THIRD), (SCHEDULE_COMPLETED, LAST)]


async def complete(emulator: DamstraEmulator, schedule_id: int) -> None:
    await asyncio.to_thread(emulator.complete_lesson_schedule, schedule_id)


async def save_first_snapshot(store: FakeStateStore) -> None:
    """Run a trigger until it has saved the first snapshot, with which later ones are compared."""
    async with streaming_trigger(event_trigger(store=store)) as events:
        await wait_until_async(lambda: bool(store), "the first snapshot to be saved")
        assert events == []


@pytest.mark.parametrize("read_errors", [0, 3])
async def test_restart_neither_misses_nor_repeats_events(emulator: DamstraEmulator, read_errors: int) -> None:
    store = FakeStateStore()
    await save_first_snapshot(store)
    before = dict(store)
    async with streaming_trigger(event_trigger(store=store)) as events:
        await complete(emulator, THIRD)
        await wait_until_async(lambda: store != before, "the completion to be saved")
        assert events == BOTH[:1]
    await complete(emulator, LAST)
    async with streaming_trigger(
        event_trigger(store=FakeStateStore(store, read_errors=read_errors))
    ) as events:
        await wait_until_async(lambda: bool(events), "the event during the restart")
        assert events == BOTH[1:]


async def test_unconfirmed_events_are_repeated_after_restart(emulator: DamstraEmulator) -> None:
    store = FakeStateStore()
    await save_first_snapshot(store)
    await complete(emulator, THIRD)
    for _ in range(2):
        async with streaming_trigger(event_trigger(store=store), is_confirmed=False) as events:
            await wait_until_async(lambda: bool(events), "the completion")
            await wait_for_requests(emulator, len(await asyncio.to_thread(emulator.journal)) + 2)
            assert events == BOTH[:1]
    async with streaming_trigger(event_trigger(store=store)) as events:
        await wait_until_async(lambda: bool(events), "the completion")
        await complete(emulator, LAST)
        await wait_until_async(lambda: len(events) == 2, "the next completion")
        assert events == BOTH


async def test_failed_writes_are_retried(emulator: DamstraEmulator) -> None:
    store = FakeStateStore(write_errors=3)
    await save_first_snapshot(store)


async def test_watching_another_user_keeps_stored_snapshots(emulator: DamstraEmulator) -> None:
    store = FakeStateStore()
    await save_first_snapshot(store)
    await complete(emulator, THIRD)
    async with streaming_trigger(event_trigger(store=store, user_ids=[OTHER, LIAM])) as events:
        await wait_until_async(lambda: len(store) == 2, "the first snapshot of the other user")
        await wait_until_async(lambda: bool(events), "the event during the restart")
        assert events == BOTH[:1]


async def test_cancelled_stream_leaves_no_tasks(emulator: DamstraEmulator) -> None:
    store = FakeStateStore()
    await save_first_snapshot(store)
    async with streaming_trigger(event_trigger(store=store), is_confirmed=False) as events:
        await complete(emulator, THIRD)
        await wait_until_async(lambda: bool(events), "the completion")
    await wait_until_async(lambda: not other_tasks(), "all tasks to end")


async def test_queue_returns_newest_snapshots_in_bounded_batches() -> None:
    queue = SnapshotQueue()
    for state in ("open", "completed"):
        for user_id in range(MAX_BATCH_SIZE + 1):
            queue.put(user_id, {str(SECOND): [state, None]})
    first, rest, none = [await queue.get_batch(max_wait=0.01) for _ in range(3)]
    assert (len(first), len(rest), none) == (MAX_BATCH_SIZE, 1, {})
    assert all(snapshot == {str(SECOND): ["completed", None]} for snapshot in (first | rest).values())


class SlowFirstWriteStore(FakeStateStore):
    """A store whose first write takes longer than the others."""

    writes = 0

    async def aset(self, key: str, value: Any) -> None:
        """Store a value."""
        self.writes += 1
        for _ in range(10 if self.writes == 1 else 1):
            await asyncio.sleep(0)
        await super().aset(key, value)


async def test_concurrent_saves_write_each_snapshot_once_and_the_newest_last() -> None:
    state, lines = SlowFirstWriteStore(), list[str]()
    store = SnapshotStore(store=state, prefix="test", retry_interval=0.0, log=lines.append)
    old, new = {"1": ["open", None]}, {"1": ["completed", None]}
    await asyncio.gather(store.save({7: old}), store.save({7: new}), store.save({8: new}))
    assert (await state.aget("test-7"), await state.aget("test-8"), lines) == (new, new, [])
    assert state.writes == 3
