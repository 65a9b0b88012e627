"""Subscriptions of one event loop and connection share requests and responses."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.conditions.base import PollResult
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.endpoints.ilt_session import GetIltSession
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule
from tests.polling.helpers import (
    FIRST,
    LAST,
    LIAM,
    NEVER,
    THIRD,
    LogRecorder,
    RecordingCondition,
    cancel,
    path,
    pending_timers,
    recording,
    request_counts,
    request_times,
    start_polling,
    wait_for_fault_hits,
    wait_for_requests,
)
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.polling.conftest import Connect

DAY = 86_400


async def test_subscriptions_to_one_query_send_one_request_per_interval(emulator: DamstraEmulator) -> None:
    interval = 0.1
    conditions = [recording(done_after=NEVER) for _ in range(50)]
    tasks = [start_polling(condition, poll_interval=interval) for condition in conditions]
    await wait_for_requests(emulator, 6)
    await cancel(*tasks)
    gaps = [later - earlier for earlier, later in pairwise(await request_times(emulator))]
    assert min(gaps) > interval / 2.5
    assert sum(gaps[1:]) / len(gaps[1:]) > interval * 0.9
    assert [len(condition.responses) for condition in conditions] == [1] * 50


async def test_each_subscription_receives_the_response_to_its_query(emulator: DamstraEmulator) -> None:
    session = RecordingCondition([GetIltSession(ilt_session_id=403)])
    one, two = recording(1011), recording(1012)
    await asyncio.gather(*map(start_polling, (session, one, two)))
    assert session.responses[0].id == 403
    assert {row.row_key for row in one.responses[0]}.isdisjoint(row.row_key for row in two.responses[0])
    assert (await request_counts(emulator)).total() == 3


async def test_subscription_during_request_receives_its_response(emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=0.2)
    early = start_polling(recording())
    await wait_for_fault_hits(emulator)
    late = recording()
    await asyncio.gather(early, start_polling(late))
    assert len(late.responses) == 1
    assert await request_counts(emulator) == {path(): 1}


async def test_recent_response_is_reused(emulator: DamstraEmulator) -> None:
    early = recording(done_after=NEVER)
    task = start_polling(early)
    await wait_until_async(lambda: bool(early.responses), "the first response")
    for _ in range(3):
        late = recording()
        await start_polling(late)
        assert late.responses == early.responses
    assert await request_counts(emulator) == {path(): 1}
    await cancel(task)


async def test_response_older_than_interval_is_not_reused(emulator: DamstraEmulator) -> None:
    early = recording(done_after=NEVER)
    task = start_polling(early)
    await wait_until_async(lambda: bool(early.responses), "the first response")
    await start_polling(recording(), poll_interval=1e-9)
    await cancel(task)
    assert await request_counts(emulator) == {path(): 2}


async def test_change_is_passed_to_all_subscriptions(emulator: DamstraEmulator) -> None:
    slow, fast = recording(done_after=2), recording(done_after=2)
    tasks = [start_polling(slow), start_polling(fast, poll_interval=0.02)]
    await wait_until_async(lambda: bool(slow.responses and fast.responses), "the first responses")
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)
    states = {row.row_key: row.state for row in slow.responses[1]}
    assert states[THIRD] == "completed"
    assert slow.responses == fast.responses


async def test_subscription_during_request_receives_further_rows_immediately(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    emulator.add_fault("delay", delay=0.2, count=1)
    one = start_polling(recording(rows=frozenset({FIRST})))
    await wait_for_fault_hits(emulator)
    late = recording(rows=frozenset({THIRD, LAST}))
    async with asyncio.timeout(5):
        await asyncio.gather(one, start_polling(late))
    assert {THIRD, LAST} <= {row.row_key for row in late.responses[-1]}


async def test_later_subscription_receives_further_rows_immediately(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    early = recording(done_after=NEVER, rows=frozenset({FIRST}))
    task = start_polling(early)
    await wait_until_async(lambda: bool(early.responses), "the first response")
    assert [row.row_key for row in early.responses[0]] == [FIRST]
    late = recording(rows=frozenset({LAST}))
    async with asyncio.timeout(5):
        await start_polling(late)
    assert LAST in {row.row_key for row in late.responses[-1]}
    await cancel(task)


async def test_condition_that_needs_further_rows_receives_them_immediately(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)

    class GrowingCondition(RecordingCondition):
        def update(self, query: object, response: list[object]) -> None:
            self.responses += response
            self.rows = frozenset({FIRST, LAST})

        def evaluate(self) -> PollResult:
            return PollResult(is_met=LAST in {row.row_key for row in self.responses})

    async with asyncio.timeout(3):
        await start_polling(GrowingCondition(recording().required, rows=frozenset({FIRST})))


async def test_queries_added_by_responses_are_sent_immediately(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
    slow = GetLessonSchedule(lesson_schedule_id=LAST).request().path
    emulator.add_fault("delay", path=slow, delay=0.2)
    condition = LessonScheduleCondition(lesson_schedule_ids=[THIRD, LAST])
    async with asyncio.timeout(3):
        result = await start_polling(condition)
    assert str(LAST) in (result.failure or "")
    assert condition.users_by_schedule == {THIRD: LIAM, LAST: LIAM}


async def test_listing_is_read_up_to_last_required_row(emulator: DamstraEmulator, connect: Connect) -> None:
    connect(page_size=1)
    condition = recording(rows=frozenset({FIRST}))
    await start_polling(condition)
    assert [row.row_key for row in condition.responses[0]] == [FIRST]
    assert len(emulator.journal()) == 1


async def test_connections_do_not_share_requests(emulator: DamstraEmulator, connect: Connect) -> None:
    connect("other")
    await asyncio.gather(start_polling(recording()), start_polling(recording(), conn_id="other"))
    assert await request_counts(emulator) == {path(): 2}


def starting_tomorrow(emulator: DamstraEmulator) -> LessonScheduleCondition:
    """Return a condition on a schedule that starts in a day."""
    emulator.move_lesson_schedule(THIRD, emulator.now + timedelta(seconds=DAY))
    return LessonScheduleCondition(lesson_schedule_ids=[THIRD], users_by_schedule={str(THIRD): LIAM})


async def test_next_poll_is_when_schedule_starts(emulator: DamstraEmulator) -> None:
    log = LogRecorder()
    task = start_polling(starting_tomorrow(emulator), poll_interval=0.01, log=log)
    await wait_until_async(lambda: bool(log.lines), "the first poll")
    now = asyncio.get_running_loop().time()
    assert max(timer.when() for timer in pending_timers()) - now == pytest.approx(DAY, abs=10)
    assert await request_counts(emulator) == {path(): 1}
    await cancel(task)


async def test_started_schedule_is_polled_despite_one_that_starts_later(emulator: DamstraEmulator) -> None:
    later = start_polling(starting_tomorrow(emulator), poll_interval=0.01)
    started = LessonScheduleCondition(lesson_schedule_ids=[30067], users_by_schedule={"30067": LIAM})
    other = start_polling(started, poll_interval=0.01)
    await wait_for_requests(emulator, 5)
    await cancel(later, other)
