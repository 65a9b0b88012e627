"""The event trigger against the emulator: what it fires for, once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints.group import AddGroupMembers, CreateGroup
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.triggers.event import DamstraEventTrigger
from tests.clients.clock import until_in_loop
from tests.triggers.polling import FIRST, LAST, LIAM, NEVER, SECOND, THIRD, path, requests, until_asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.triggers.conftest import Connect

SOON = 0.05
COMPLETED, CANCELLED = "lesson.schedule.completed", "lesson.schedule.cancelled"


class Store(dict[str, str]):
    """An asset's state store, as far as a trigger uses it; it keeps JSON, as Airflow's does."""

    async def aget(self, key: str) -> Any:
        return json.loads(self[key]) if key in self else None

    async def aset(self, key: str, value: Any) -> None:
        self[key] = json.dumps(value)


class Broken(Store):
    """One that cannot be asked a few times."""

    failures = 3

    async def aget(self, key: str) -> Any:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("The API server is away.")
        return await super().aget(key)


def watcher(*, store: Any = None, **changes: Any) -> DamstraEventTrigger:
    """Return a trigger that watches Liam."""
    arguments = {
        "user_ids": [LIAM],
        "poll_interval": SOON,
        "settle_time": 0,
        "refusal_pause": SOON,
        **changes,
    }
    trigger = DamstraEventTrigger(**arguments)
    trigger.asset_state_store = store
    return trigger


@asynccontextmanager
async def running(trigger: DamstraEventTrigger) -> AsyncIterator[list[tuple[str, int]]]:
    """Yield what a trigger has fired by now: which event, for which schedule."""
    fired: list[tuple[str, int]] = []

    async def run() -> None:
        async for event in trigger.run():
            fired.append((event.payload["name"], event.payload["lesson_schedule_id"]))

    task = asyncio.create_task(run())
    try:
        yield fired
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def complete(emulator: DamstraEmulator, schedule_id: int) -> None:
    await asyncio.to_thread(emulator.complete_lesson_schedule, schedule_id)


async def test_the_first_look_fires_nothing_and_a_completion_fires_once(emulator: DamstraEmulator) -> None:
    async with running(watcher()) as fired:
        await until_asked(emulator, 1)
        await until_asked(emulator, 2)
        assert fired == []
        await complete(emulator, THIRD)
        await until_in_loop(lambda: bool(fired), "the completion")
        await until_asked(emulator, len(await asyncio.to_thread(emulator.journal)) + 2)
        assert fired == [(COMPLETED, THIRD)]


async def test_a_groups_members_are_watched(emulator: DamstraEmulator) -> None:
    with DamstraHook().get_conn() as client:
        group = client.call(CreateGroup(name="Watched", description="By an event trigger"))
        client.call(AddGroupMembers(group_id=group.id, user_ids=[LIAM]))
    async with running(watcher(user_ids=None, group_id=group.id, emit_existing=True)) as fired:
        await until_in_loop(lambda: len(fired) >= 4, "the schedules of the member")
        fired.clear()
        await complete(emulator, THIRD)
        await until_in_loop(lambda: bool(fired), "the completion")
        assert fired == [(COMPLETED, THIRD)]


async def test_what_exists_is_fired_for_whoever_wants_it(emulator: DamstraEmulator) -> None:
    async with running(watcher(emit_existing=True, events=["lesson.schedule.created"])) as fired:
        await until_in_loop(lambda: len(fired) >= 4, "all of Liam's schedules")
        assert {one for _, one in fired} >= {FIRST, SECOND, THIRD, LAST}


async def test_only_what_is_wanted_is_fired(emulator: DamstraEmulator) -> None:
    async with running(watcher(events=[CANCELLED])) as fired:
        await until_asked(emulator, 2)
        await complete(emulator, THIRD)
        await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
        await until_in_loop(lambda: bool(fired), "the cancellation")
        assert fired == [(CANCELLED, LAST)]


@pytest.mark.parametrize("kind", [Store, Broken])
async def test_a_restart_neither_misses_nor_repeats(emulator: DamstraEmulator, kind: type[Store]) -> None:
    store = Store()
    async with running(watcher(store=store)) as fired:
        await until_in_loop(lambda: bool(store), "the first look to be kept")
        kept = dict(store)
        await complete(emulator, THIRD)
        await until_in_loop(lambda: store != kept, "the completion to be kept")
        assert fired == [(COMPLETED, THIRD)]
    await complete(emulator, LAST)
    async with running(watcher(store=kind(store))) as fired:
        await until_in_loop(lambda: bool(fired), "what happened meanwhile")
        assert fired == [(COMPLETED, LAST)]


async def test_a_crash_before_the_event_is_kept_repeats_it(emulator: DamstraEmulator) -> None:
    store = Store()
    async with running(watcher(store=store)):
        await until_in_loop(lambda: bool(store), "the first look to be kept")
    await complete(emulator, THIRD)
    for _ in range(2):
        async with running(watcher(store=store, settle_time=3600)) as fired:
            await until_in_loop(lambda: bool(fired), "the completion")
            assert fired == [(COMPLETED, THIRD)]


async def test_two_watchers_on_a_connection_ask_once(emulator: DamstraEmulator) -> None:
    other = watcher(poll_interval=NEVER, events=[CANCELLED])
    async with running(watcher(poll_interval=NEVER)), running(other):
        await until_asked(emulator, 1)
    assert await requests(emulator) == Counter({path(): 1})


async def test_failures_are_borne(emulator: DamstraEmulator) -> None:
    async with running(watcher()) as fired:
        await until_asked(emulator, 2)
        await asyncio.to_thread(emulator.add_fault, "status", status=503, count=2)
        await complete(emulator, THIRD)
        await until_in_loop(lambda: bool(fired), "the completion")
        assert fired == [(COMPLETED, THIRD)]


async def test_after_a_refused_key_it_pauses_and_reads_the_connection_again(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {**json.loads(emulator.connection_json), "password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(wrong))
    async with running(watcher(refusal_pause=1.0, emit_existing=True)) as fired:
        await until_asked(emulator, 1)
        connect()
        await until_in_loop(lambda: bool(fired), "the events once the key was mended")
    first, second, *_ = await asyncio.to_thread(emulator.journal)
    assert (first["status"], second["status"]) == (403, 200)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "either user_ids or group_id"),
        ({"user_ids": [1], "group_id": 2}, "either user_ids or group_id"),
        ({"user_ids": ["Liam"]}, "user_ids|Liam"),
        ({"user_ids": [1], "events": ["lesson.lost"]}, r"lesson\.lost cannot be watched"),
    ],
)
def test_what_cannot_be_watched_is_refused_when_the_dag_is_read(arguments: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        DamstraEventTrigger(**arguments)


def test_it_is_built_again_from_what_it_says_of_itself() -> None:
    path, arguments = watcher(group_id=7, user_ids=None).serialize()
    assert path == "airflow_provider_damstra.triggers.event.DamstraEventTrigger"
    assert DamstraEventTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
