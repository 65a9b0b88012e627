"""A thousand subscriptions send few requests and do not block the event loop."""

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
from tests.polling.helpers import cancel, request_times, start_polling, wait_for_requests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

USERS = range(1001, 1101)
VERSIONS = [2002, 2003, 2005, 2006, 2007]
INTERVAL = 1.0
TICK = 0.05
SchedulesByUser = dict[int, list[int]]


@pytest.fixture(scope="module")
def busy_emulator() -> Iterator[DamstraEmulator]:
    """Return an emulator with more users than the demo data."""
    with DamstraEmulator(seed="large:101") as emulator:
        yield emulator


@pytest.fixture(scope="module")
def schedules_by_user(busy_emulator: DamstraEmulator) -> SchedulesByUser:
    """Return a hundred users with ten schedules each: half are cancelled, none is completed."""
    with Client(settings_for(busy_emulator.url)) as client:
        for user in USERS:
            for cancelled in client.call(_schedule_lessons(user)):
                busy_emulator.cancel_lesson_schedule(cancelled)
            client.call(_schedule_lessons(user))
        return {
            user: [row.id for row in client.iterate(ListUserLessonSchedules(user_id=user))] for user in USERS
        }


def _schedule_lessons(user: int) -> ScheduleUser:
    return ScheduleUser(user_id=user, lesson_version_ids=VERSIONS, grace_period=9, grace_period_unit="days")


@pytest.fixture
def emulator(busy_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> DamstraEmulator:
    """Return the emulator, with a connection to it and an empty journal."""
    busy_emulator.clear_journal()
    connection = json.loads(busy_emulator.connection_json) | {"extra": {"verify": False}}
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(connection))
    return busy_emulator


@asynccontextmanager
async def thousand_subscriptions(schedules_by_user: SchedulesByUser) -> AsyncIterator[None]:
    """Poll a thousand conditions, each for one schedule, during the block."""
    conditions = [
        LessonScheduleCondition(lesson_schedule_ids=one, users_by_schedule={str(one): user}, fail_on=())
        for user, ids in schedules_by_user.items()
        for one in ids
    ]
    assert len(conditions) == 1000
    tasks = [start_polling(condition, poll_interval=INTERVAL) for condition in conditions]
    yield
    assert not any(task.done() for task in tasks)
    await cancel(*tasks)


async def worst_lag(seconds: float) -> float:
    """Sleep in short intervals for a while, and return the largest delay of a wake-up in seconds."""
    worst, end = 0.0, time.perf_counter() + seconds
    while (before := time.perf_counter()) < end:
        await asyncio.sleep(TICK)
        worst = max(worst, time.perf_counter() - before - TICK)
    return worst


async def test_thousand_subscriptions_send_one_request_per_user_and_interval(
    emulator: DamstraEmulator, schedules_by_user: SchedulesByUser
) -> None:
    async with thousand_subscriptions(schedules_by_user):
        await wait_for_requests(emulator, 3 * len(USERS) + 10)
    times = await request_times(emulator)
    # Over three intervals: on a busy machine some requests are late, and count in the next interval.
    assert sum(at < min(times) + 3 * INTERVAL for at in times) <= 3 * 105


async def test_polling_does_not_block_event_loop(
    emulator: DamstraEmulator, schedules_by_user: SchedulesByUser
) -> None:
    lags: list[float] = []
    # Repeated because the machine may be busy; a blocking call would block each time.
    for _ in range(4):
        idle = await worst_lag(0.5)
        async with thousand_subscriptions(schedules_by_user):
            lags.append(await worst_lag(1.5 * INTERVAL) - idle)
        if lags[-1] < 0.1:
            break
    assert min(lags) < 0.1
