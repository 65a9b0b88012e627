"""The event trigger against the emulator: which events it fires, and what happens on errors."""

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
from tests.polling.helpers import (
    FIRST,
    LAST,
    LIAM,
    LONG_INTERVAL,
    SECOND,
    THIRD,
    path,
    request_counts,
    wait_for_requests,
)
from tests.triggers.helpers import event_trigger, running_trigger
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.polling.conftest import Connect

OTHER = 1012
REFUSED = {"error": "Not authorised", "internalCode": 831}


async def complete(emulator: DamstraEmulator, schedule_id: int) -> None:
    await asyncio.to_thread(emulator.complete_lesson_schedule, schedule_id)


async def test_first_snapshot_fires_nothing_and_completion_fires_once(emulator: DamstraEmulator) -> None:
    async with running_trigger(event_trigger()) as events:
        await wait_for_requests(emulator, 1)
        await wait_for_requests(emulator, 2)
        assert events == []
        await complete(emulator, THIRD)
        await wait_until_async(lambda: bool(events), "the completion")
        await wait_for_requests(emulator, len(await asyncio.to_thread(emulator.journal)) + 2)
        assert events == [(SCHEDULE_COMPLETED, THIRD)]


async def test_group_members_are_watched(emulator: DamstraEmulator) -> None:
    with DamstraHook().get_conn() as client:
        group = client.call(CreateGroup(name="Watched", description="By an event trigger"))
        client.call(AddGroupMembers(group_id=group.id, user_ids=[LIAM]))
    async with running_trigger(event_trigger(user_ids=None, group_id=group.id, emit_existing=True)) as events:
        await wait_until_async(lambda: len(events) >= 4, "the schedules of the member")
        events.clear()
        await complete(emulator, THIRD)
        await wait_until_async(lambda: bool(events), "the completion")
        assert events == [(SCHEDULE_COMPLETED, THIRD)]


async def test_emit_existing_fires_for_every_listed_schedule(emulator: DamstraEmulator) -> None:
    async with running_trigger(
        event_trigger(emit_existing=True, events=["lesson.schedule.created"])
    ) as events:
        await wait_until_async(lambda: len(events) >= 4, "all of Liam's schedules")
        assert {one for _, one in events} >= {FIRST, SECOND, THIRD, LAST}


async def test_events_argument_filters_events(emulator: DamstraEmulator) -> None:
    async with running_trigger(event_trigger(events=[SCHEDULE_CANCELLED])) as events:
        await wait_for_requests(emulator, 2)
        await complete(emulator, THIRD)
        await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
        await wait_until_async(lambda: bool(events), "the cancellation")
        assert events == [(SCHEDULE_CANCELLED, LAST)]


async def test_two_triggers_share_one_request(emulator: DamstraEmulator) -> None:
    other = event_trigger(poll_interval=LONG_INTERVAL, events=[SCHEDULE_CANCELLED])
    async with running_trigger(event_trigger(poll_interval=LONG_INTERVAL)), running_trigger(other):
        await wait_for_requests(emulator, 1)
    assert await request_counts(emulator) == Counter({path(): 1})


async def test_failed_polls_are_repeated(emulator: DamstraEmulator) -> None:
    async with running_trigger(event_trigger()) as events:
        await wait_for_requests(emulator, 2)
        await asyncio.to_thread(emulator.add_fault, "status", status=503, count=2)
        await complete(emulator, THIRD)
        await wait_until_async(lambda: bool(events), "the completion")
        assert events == [(SCHEDULE_COMPLETED, THIRD)]


async def test_refused_user_does_not_affect_others(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=403, body=REFUSED, path=path(OTHER).removeprefix("/api/v2"))
    async with running_trigger(event_trigger(user_ids=[OTHER, LIAM])) as events:
        await wait_for_requests(emulator, 3)
        await complete(emulator, THIRD)
        await wait_until_async(lambda: bool(events), "the completion")
        assert events == [(SCHEDULE_COMPLETED, THIRD)]
        # The refused listing is polled at growing intervals.
        await wait_for_requests(emulator, 12)
        counts = await request_counts(emulator)
        assert counts[path(OTHER)] * 2 <= counts[path(LIAM)]
        await asyncio.to_thread(emulator.clear_faults)


async def test_connection_is_reloaded_after_all_users_were_refused(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    emulator.add_fault("status", status=403, body=REFUSED, count=2)
    async with running_trigger(event_trigger(user_ids=[OTHER, LIAM], emit_existing=True)) as events:
        await wait_until_async(lambda: bool(events), "the events after the refusals")
    assert len(sessions) == 2


async def test_connection_is_reloaded_after_refused_access_key(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {**json.loads(emulator.connection_json), "password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(wrong))
    async with running_trigger(event_trigger(refusal_pause=1.0, emit_existing=True)) as events:
        await wait_for_requests(emulator, 1)
        connect()
        await wait_until_async(lambda: bool(events), "the events with the correct key")
    first, second, *_ = await asyncio.to_thread(emulator.journal)
    assert (first["status"], second["status"]) == (403, 200)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of user_ids, group_id"),
        ({"user_ids": [1], "group_id": 2}, "exactly one of user_ids, group_id"),
        ({"user_ids": ["Liam"]}, "user_ids|Liam"),
        ({"user_ids": ""}, "user_ids"),
        ({"user_ids": "9" * 5000}, "user_ids is .*; it is a list of ids"),
        ({"group_id": "1,2"}, "group_id is '1,2'; it is one id"),
        ({"user_ids": [1], "events": ["lesson.lost"]}, r"lesson\.lost"),
    ],
)
def test_invalid_arguments_raise_in_constructor(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DamstraEventTrigger(**arguments)


@pytest.mark.parametrize("ids", ["1011,1012", "['1011', '1012']", "(1011, 1012)", [1011, "1012"]])
def test_user_ids_are_accepted_in_every_form(ids: Any) -> None:
    assert DamstraEventTrigger(user_ids=ids).user_ids == [1011, 1012]


def test_serialized_trigger_can_be_restored() -> None:
    path, arguments = event_trigger(group_id=7, user_ids=None).serialize()
    assert path == "airflow_provider_damstra.triggers.event.DamstraEventTrigger"
    assert DamstraEventTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
