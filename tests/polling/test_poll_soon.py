"""``poll_soon`` polls the queries about changed objects ahead of schedule."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.conditions.base import QueryFilter
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule
from airflow_provider_damstra.polling import poller
from airflow_provider_damstra.polling.client import ReloadingClient
from airflow_provider_damstra.polling.poller import MIN_EXPEDITED_INTERVAL
from airflow_provider_damstra.polling.registry import poll_soon
from tests.polling.helpers import (
    FIRST,
    LAST,
    LIAM,
    NEVER,
    PAUSE,
    SECOND,
    THIRD,
    LogRecorder,
    RecordingCondition,
    cancel,
    listing,
    path,
    pending_timers,
    recording,
    request_counts,
    start_polling,
    wait_for_fault_hits,
    wait_for_requests,
)
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.conditions.base import Query
    from airflow_provider_damstra.testing import DamstraEmulator

OTHER = 1012
SINGLE = GetLessonSchedule(lesson_schedule_id=FIRST)


@pytest.fixture(autouse=True)
def _short_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "MIN_EXPEDITED_INTERVAL", 0.1)


@dataclass
class ConditionForTomorrow(RecordingCondition):
    """A condition on responses that cannot change before tomorrow."""

    def queries(self) -> dict[Query, QueryFilter]:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        return {query: QueryFilter(not_before=tomorrow) for query in super().queries()}


def expedite(**ids: Any) -> int:
    return poll_soon(damstra_conn_id="damstra_default", **ids)


async def started(*conditions: RecordingCondition) -> list[asyncio.Task[Any]]:
    """Return tasks that poll conditions, when each has its first response."""
    tasks = [start_polling(condition) for condition in conditions]
    await wait_until_async(lambda: all(one.responses for one in conditions), "the first responses")
    return tasks


def seconds_to_next_poll() -> float:
    """Return the seconds until the next scheduled poll, or 0 without one."""
    due = [timer.when() for timer in pending_timers() if "_enqueue" in repr(timer)]
    return min(due) - asyncio.get_running_loop().time() if due else 0.0


@pytest.mark.parametrize(
    ("make_condition", "ids"),
    [
        (lambda: recording(done_after=NEVER), {"user_ids": [LIAM]}),
        (lambda: recording(done_after=NEVER), {"lesson_schedule_ids": [LAST]}),
        (lambda: recording(done_after=NEVER, rows=frozenset({FIRST})), {"lesson_schedule_ids": [FIRST]}),
        (lambda: RecordingCondition([SINGLE], NEVER), {"lesson_schedule_ids": [FIRST]}),
        (lambda: ConditionForTomorrow([listing()], NEVER), {"user_ids": [LIAM]}),
    ],
    ids=["user", "listed schedule", "required schedule", "single schedule", "not before tomorrow"],
)
async def test_matching_query_is_polled_immediately(
    emulator: DamstraEmulator, make_condition: Callable[[], RecordingCondition], ids: dict[str, Any]
) -> None:
    tasks = await started(make_condition())
    assert expedite(**ids) == 1
    await wait_for_requests(emulator, 2)
    await cancel(*tasks)


async def test_other_queries_are_not_polled(emulator: DamstraEmulator) -> None:
    tasks = await started(
        recording(done_after=NEVER),
        recording(OTHER, done_after=NEVER),
        RecordingCondition([GetLessonSchedule(lesson_schedule_id=SECOND)], NEVER),
    )
    assert expedite(user_ids=[OTHER]) == 1
    assert expedite(lesson_schedule_ids=[1], user_ids=[2]) == 0
    await wait_for_requests(emulator, 4)
    await cancel(*tasks)
    assert {one: count for one, count in (await request_counts(emulator)).items() if count > 1} == {
        path(OTHER): 2
    }


async def test_frequent_calls_send_one_request_per_second(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "MIN_EXPEDITED_INTERVAL", MIN_EXPEDITED_INTERVAL)
    sent_at: list[float] = []
    fetch = ReloadingClient.fetch

    async def recorded(self: ReloadingClient, *arguments: Any, **options: Any) -> Any:
        # The time of sending, by the poller's clock: on a busy machine requests arrive late.
        sent_at.append(asyncio.get_running_loop().time())
        return await fetch(self, *arguments, **options)

    monkeypatch.setattr(ReloadingClient, "fetch", recorded)
    tasks = await started(*(recording(done_after=NEVER) for _ in range(20)))
    async with asyncio.timeout(10):
        while len(sent_at) < 4:
            assert expedite(user_ids=[LIAM], lesson_schedule_ids=[FIRST, SECOND]) == 1
            await asyncio.sleep(PAUSE)
    await cancel(*tasks)
    assert min(later - earlier for earlier, later in pairwise(sent_at)) > MIN_EXPEDITED_INTERVAL * 0.99
    assert sum((await request_counts(emulator)).values()) <= len(sent_at)


async def test_interval_is_kept_after_expedited_poll(emulator: DamstraEmulator) -> None:
    tasks = await started(recording(done_after=NEVER))
    expedite(user_ids=[LIAM])
    await wait_for_requests(emulator, 2)
    await wait_until_async(lambda: seconds_to_next_poll() > 100, "the interval")
    await cancel(*tasks)


async def test_request_in_flight_is_followed_by_another(emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=0.2, count=1)
    task = start_polling(recording(done_after=NEVER))
    await wait_for_fault_hits(emulator)
    assert expedite(user_ids=[LIAM]) == 1
    await wait_for_requests(emulator, 2)
    await cancel(task)


async def test_change_is_passed_to_condition(emulator: DamstraEmulator) -> None:
    condition = recording(done_after=2)
    task = start_polling(condition)
    await wait_until_async(lambda: bool(condition.responses), "the first response")
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    expedite(lesson_schedule_ids=[THIRD])
    async with asyncio.timeout(10):
        await task
    assert condition.responses[0] != condition.responses[1]


async def test_failing_query_keeps_its_backoff(emulator: DamstraEmulator) -> None:
    emulator.add_fault("status", status=503)
    log = LogRecorder()
    task = start_polling(recording(), log=log)
    await wait_until_async(lambda: bool(log.failures), "the first failure")
    before = [timer.when() for timer in pending_timers()]
    assert expedite(user_ids=[LIAM]) == 1
    assert [timer.when() for timer in pending_timers()] == before
    await cancel(task)


async def test_poll_soon_without_subscription_does_nothing(emulator: DamstraEmulator) -> None:
    assert expedite(user_ids=[LIAM]) == 0
    tasks = await started(recording(done_after=NEVER))
    assert poll_soon(damstra_conn_id="another", user_ids=[LIAM]) == 0
    await cancel(*tasks)
    assert expedite(user_ids=[LIAM]) == 0
    assert await request_counts(emulator) == {path(): 1}
