"""The event trigger against the emulator: what it fires for, once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.assets import SCHEDULE_CANCELLED, SCHEDULE_COMPLETED
from airflow_provider_damstra.endpoints.group import AddGroupMembers, CreateGroup
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.triggers.event import DamstraEventTrigger
from tests.clients.clock import until_in_loop
from tests.polling.helpers import (
    FIRST,
    LAST,
    LIAM,
    LONG_INTERVAL,
    SECOND,
    THIRD,
    listing_path,
    request_counts,
    wait_for_requests,
)
from tests.triggers.helpers import event_trigger, running_trigger

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.polling.conftest import Connect

OTHER = 1012
REFUSED = {"error": "Not authorised", "internalCode": 831}


async def complete(emulator: DamstraEmulator, schedule_id: int) -> None:
    await asyncio.to_thread(emulator.complete_lesson_schedule, schedule_id)


async def test_the_first_look_fires_nothing_and_a_completion_fires_once(emulator: DamstraEmulator) -> None:
    async with running_trigger(event_trigger()) as fired:
        await wait_for_requests(emulator, 1)
        await wait_for_requests(emulator, 2)
        assert fired == []
        await complete(emulator, THIRD)
        await until_in_loop(lambda: bool(fired), "the completion")
        await wait_for_requests(emulator, len(await asyncio.to_thread(emulator.journal)) + 2)
        assert fired == [(SCHEDULE_COMPLETED, THIRD)]


async def test_a_groups_members_are_watched(emulator: DamstraEmulator) -> None:
    with DamstraHook().get_conn() as client:
        group = client.call(CreateGroup(name="Watched", description="By an event trigger"))
        client.call(AddGroupMembers(group_id=group.id, user_ids=[LIAM]))
    async with running_trigger(event_trigger(user_ids=None, group_id=group.id, emit_existing=True)) as fired:
        await until_in_loop(lambda: len(fired) >= 4, "the schedules of the member")
        fired.clear()
        await complete(emulator, THIRD)
        await until_in_loop(lambda: bool(fired), "the completion")
        assert fired == [(SCHEDULE_COMPLETED, THIRD)]


async def test_what_exists_is_fired_for_whoever_wants_it(emulator: DamstraEmulator) -> None:
    async with running_trigger(
        event_trigger(emit_existing=True, events=["lesson.schedule.created"])
    ) as fired:
        await until_in_loop(lambda: len(fired) >= 4, "all of Liam's schedules")
        assert {one for _, one in fired} >= {FIRST, SECOND, THIRD, LAST}


async def test_only_what_is_wanted_is_fired(emulator: DamstraEmulator) -> None:
    async with running_trigger(event_trigger(events=[SCHEDULE_CANCELLED])) as fired:
        await wait_for_requests(emulator, 2)
        await complete(emulator, THIRD)
        await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
        await until_in_loop(lambda: bool(fired), "the cancellation")
        assert fired == [(SCHEDULE_CANCELLED, LAST)]


async def test_two_watchers_on_a_connection_ask_once(emulator: DamstraEmulator) -> None:
    other = event_trigger(poll_interval=LONG_INTERVAL, events=[SCHEDULE_CANCELLED])
    async with running_trigger(event_trigger(poll_interval=LONG_INTERVAL)), running_trigger(other):
        await wait_for_requests(emulator, 1)
    assert await request_counts(emulator) == Counter({listing_path(): 1})


async def test_failures_are_borne(emulator: DamstraEmulator) -> None:
    async with running_trigger(event_trigger()) as fired:
        await wait_for_requests(emulator, 2)
        await asyncio.to_thread(emulator.add_fault, "status", status=503, count=2)
        await complete(emulator, THIRD)
        await until_in_loop(lambda: bool(fired), "the completion")
        assert fired == [(SCHEDULE_COMPLETED, THIRD)]


async def test_who_may_not_be_read_does_not_stop_the_watch_for_others(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=403, body=REFUSED, path=listing_path(OTHER).removeprefix("/api/v2"))
    async with running_trigger(event_trigger(user_ids=[OTHER, LIAM])) as fired:
        await wait_for_requests(emulator, 3)
        await complete(emulator, THIRD)
        await until_in_loop(lambda: bool(fired), "the completion")
        assert fired == [(SCHEDULE_COMPLETED, THIRD)]
        # Others look often meanwhile, but who is refused is asked for ever more rarely.
        await wait_for_requests(emulator, 12)
        asked = await request_counts(emulator)
        assert asked[listing_path(OTHER)] * 2 <= asked[listing_path(LIAM)]
        await asyncio.to_thread(emulator.clear_faults)


async def test_where_nobody_may_be_read_it_pauses_and_reads_the_connection_again(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    emulator.add_fault("status", status=403, body=REFUSED, count=2)
    async with running_trigger(event_trigger(user_ids=[OTHER, LIAM], emit_existing=True)) as fired:
        await until_in_loop(lambda: bool(fired), "the events once it was mended")
    assert len(sessions) == 2


async def test_after_a_refused_key_it_pauses_and_reads_the_connection_again(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {**json.loads(emulator.connection_json), "password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(wrong))
    async with running_trigger(event_trigger(refusal_pause=1.0, emit_existing=True)) as fired:
        await wait_for_requests(emulator, 1)
        connect()
        await until_in_loop(lambda: bool(fired), "the events once the key was mended")
    first, second, *_ = await asyncio.to_thread(emulator.journal)
    assert (first["status"], second["status"]) == (403, 200)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "exactly one of user_ids, group_id"),
        ({"user_ids": [1], "group_id": 2}, "exactly one of user_ids, group_id"),
        ({"user_ids": ["Liam"]}, "user_ids|Liam"),
        ({"user_ids": [1], "events": ["lesson.lost"]}, r"lesson\.lost"),
    ],
)
def test_what_cannot_be_watched_is_refused_when_the_dag_is_read(arguments: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        DamstraEventTrigger(**arguments)


def test_it_is_built_again_from_what_it_says_of_itself() -> None:
    path, arguments = event_trigger(group_id=7, user_ids=None).serialize()
    assert path == "airflow_provider_damstra.triggers.event.DamstraEventTrigger"
    assert DamstraEventTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
