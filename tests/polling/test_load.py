"""A thousand waits send few requests, and leave the event loop to others."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.endpoints import ListUserLessonSchedules, ScheduleUser
from airflow_provider_damstra.testing import DamstraEmulator
from tests.clients.drivers import settings_for
from tests.polling.helpers import cancel, request_times, start_wait, wait_for_requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

USERS = range(1001, 1101)
VERSIONS = [2002, 2003, 2005, 2006, 2007]
INTERVAL = 1.0
TICK = 0.05
Crowd = dict[int, list[int]]


@pytest.fixture(scope="module")
def busy_emulator() -> Iterator[DamstraEmulator]:
    """Return an emulator of its own, with more users than the demo has."""
    with DamstraEmulator(seed="large:101") as emulator:
        yield emulator


@pytest.fixture(scope="module")
def crowd(busy_emulator: DamstraEmulator) -> Crowd:
    """Return a hundred users with ten schedules each, none of them completed: half were cancelled."""
    with Client(settings_for(busy_emulator.url)) as client:
        for user in USERS:
            for cancelled in client.call(_order(user)):
                busy_emulator.cancel_lesson_schedule(cancelled)
            client.call(_order(user))
        return {
            user: [row.id for row in client.iterate(ListUserLessonSchedules(user_id=user))] for user in USERS
        }


def _order(user: int) -> ScheduleUser:
    return ScheduleUser(user_id=user, lesson_version_ids=VERSIONS, grace_period=9, grace_period_unit="days")


@pytest.fixture
def emulator(busy_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> DamstraEmulator:
    """Return the emulator, with a connection to it and an empty journal."""
    busy_emulator.clear_journal()
    connection = json.loads(busy_emulator.connection_json) | {"extra": {"verify": False}}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(connection))
    return busy_emulator


@asynccontextmanager
async def a_thousand_waits(crowd: Crowd) -> AsyncIterator[None]:
    """Let a thousand waits, each for one schedule, wait beside the block."""
    waits = [
        LessonScheduleCondition(lesson_schedule_ids=one, owners={str(one): user}, fail_on=())
        for user, ids in crowd.items()
        for one in ids
    ]
    assert len(waits) == 1000
    tasks = [start_wait(wait, poll_interval=INTERVAL) for wait in waits]
    yield
    assert not any(task.done() for task in tasks)
    await cancel(*tasks)


async def worst_lag(seconds: float) -> float:
    """Tick for a while beside everything else, and return how late a tick came at worst."""
    worst, end = 0.0, time.perf_counter() + seconds
    while (before := time.perf_counter()) < end:
        await asyncio.sleep(TICK)
        worst = max(worst, time.perf_counter() - before - TICK)
    return worst


async def test_a_thousand_waits_on_a_hundred_users_ask_once_for_each_user_in_an_interval(
    emulator: DamstraEmulator, crowd: Crowd
) -> None:
    async with a_thousand_waits(crowd):
        await wait_for_requests(emulator, 3 * len(USERS) + 10)
    came = await request_times(emulator)
    begun = min(came)
    # Over all of them: on a busy machine some come late, and count in the next.
    assert sum(moment < begun + 3 * INTERVAL for moment in came) <= 3 * 105


async def test_no_call_blocks_the_event_loop(emulator: DamstraEmulator, crowd: Crowd) -> None:
    lags: list[float] = []
    # The machine may be busy with other things: what blocks the loop does so each time.
    for _ in range(4):
        idle = await worst_lag(0.5)
        async with a_thousand_waits(crowd):
            lags.append(await worst_lag(1.5 * INTERVAL) - idle)
        if lags[-1] < 0.1:
            break
    assert min(lags) < 0.1
