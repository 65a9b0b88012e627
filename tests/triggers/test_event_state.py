"""What the event trigger remembers over a restart: all that Airflow has kept, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.assets import SCHEDULE_COMPLETED
from airflow_provider_damstra.polling.snapshots import MOST, SnapshotQueue
from tests.clients.clock import until_in_loop
from tests.polling.helpers import LAST, LIAM, SECOND, THIRD, other_tasks, wait_for_requests
from tests.triggers.helpers import FakeStateStore, event_trigger, streaming_trigger

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

pytestmark = pytest.mark.needs_airflow("3.3")

OTHER = 1012
BOTH = [(SCHEDULE_COMPLETED, THIRD), (SCHEDULE_COMPLETED, LAST)]


async def complete(emulator: DamstraEmulator, schedule_id: int) -> None:
    await asyncio.to_thread(emulator.complete_lesson_schedule, schedule_id)


async def first_look(store: FakeStateStore) -> None:
    """Look once, so that there is something to compare with."""
    async with streaming_trigger(event_trigger(store=store)) as fired:
        await until_in_loop(lambda: bool(store), "the first look to be kept")
        assert fired == []


@pytest.mark.parametrize("invalid_response", [0, 3])
async def test_a_restart_neither_misses_nor_repeats(emulator: DamstraEmulator, invalid_response: int) -> None:
    store = FakeStateStore()
    await first_look(store)
    before = dict(store)
    async with streaming_trigger(event_trigger(store=store)) as fired:
        await complete(emulator, THIRD)
        await until_in_loop(lambda: store != before, "the completion to be kept")
        assert fired == BOTH[:1]
    await complete(emulator, LAST)
    async with streaming_trigger(
        event_trigger(store=FakeStateStore(store, invalid_response=invalid_response))
    ) as fired:
        await until_in_loop(lambda: bool(fired), "what happened meanwhile")
        assert fired == BOTH[1:]


async def test_what_airflow_has_not_kept_comes_again(emulator: DamstraEmulator) -> None:
    store = FakeStateStore()
    await first_look(store)
    await complete(emulator, THIRD)
    for _ in range(2):
        async with streaming_trigger(event_trigger(store=store), is_kept=False) as fired:
            await until_in_loop(lambda: bool(fired), "the completion")
            await wait_for_requests(emulator, len(await asyncio.to_thread(emulator.journal)) + 2)
            assert fired == BOTH[:1]
    async with streaming_trigger(event_trigger(store=store)) as fired:
        await until_in_loop(lambda: bool(fired), "the completion")
        await complete(emulator, LAST)
        await until_in_loop(lambda: len(fired) == 2, "the next completion")
        assert fired == BOTH


async def test_what_cannot_be_kept_is_tried_again(emulator: DamstraEmulator) -> None:
    store = FakeStateStore(unwritable=3)
    await first_look(store)


async def test_who_is_watched_later_changes_nothing_for_the_others(emulator: DamstraEmulator) -> None:
    store = FakeStateStore()
    await first_look(store)
    await complete(emulator, THIRD)
    async with streaming_trigger(event_trigger(store=store, user_ids=[OTHER, LIAM])) as fired:
        await until_in_loop(lambda: len(store) == 2, "the first look at the other one")
        await until_in_loop(lambda: bool(fired), "what happened meanwhile")
        assert fired == BOTH[:1]


async def test_nothing_is_left_when_it_ends(emulator: DamstraEmulator) -> None:
    store = FakeStateStore()
    await first_look(store)
    async with streaming_trigger(event_trigger(store=store), is_kept=False) as fired:
        await complete(emulator, THIRD)
        await until_in_loop(lambda: bool(fired), "the completion")
    await until_in_loop(lambda: not other_tasks(), "nothing runs any more")


async def test_of_each_user_the_newest_look_is_taken_and_not_too_many_at_once() -> None:
    looks = SnapshotQueue()
    for state in ("open", "completed"):
        for user_id in range(MOST + 1):
            looks.arrive(user_id, {str(SECOND): [state, None]})
    first, rest, none = [await looks.take(patience=0.01) for _ in range(3)]
    assert (len(first), len(rest), none) == (MOST, 1, {})
    assert all(look == {str(SECOND): ["completed", None]} for look in (first | rest).values())
