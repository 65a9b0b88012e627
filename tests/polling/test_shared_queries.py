"""Waits of one loop on one connection share questions and answers."""

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
from tests.clients.clock import until_in_loop
from tests.polling.helpers import (
    FIRST,
    LAST,
    LIAM,
    THIRD,
    CountingCondition,
    LogRecorder,
    cancel,
    counting_condition,
    listing_path,
    pending_timers,
    request_counts,
    request_times,
    start_wait,
    wait_for_fault_hits,
    wait_for_requests,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.polling.conftest import Connect

NEVER_DONE = 1_000_000
DAY = 86_400


async def test_many_waits_on_one_user_ask_once_in_an_interval(emulator: DamstraEmulator) -> None:
    interval = 0.1
    waits = [counting_condition(enough=NEVER_DONE) for _ in range(50)]
    tasks = [start_wait(wait, poll_interval=interval) for wait in waits]
    await wait_for_requests(emulator, 6)
    await cancel(*tasks)
    gaps = [later - earlier for earlier, later in pairwise(await request_times(emulator))]
    assert min(gaps) > interval / 2.5
    assert sum(gaps[1:]) / len(gaps[1:]) > interval * 0.9
    assert [len(wait.answers) for wait in waits] == [1] * 50


async def test_waits_of_different_users_and_kinds_have_each_their_answer(emulator: DamstraEmulator) -> None:
    session = CountingCondition([GetIltSession(ilt_session_id=403)])
    one, two = counting_condition(1011), counting_condition(1012)
    await asyncio.gather(*map(start_wait, (session, one, two)))
    assert session.answers[0].id == 403
    assert {row.row_key for row in one.answers[0]}.isdisjoint(row.row_key for row in two.answers[0])
    assert (await request_counts(emulator)).total() == 3


async def test_who_comes_while_the_question_is_in_flight_waits_for_the_same_answer(
    emulator: DamstraEmulator,
) -> None:
    emulator.add_fault("delay", delay=0.2)
    early = start_wait(counting_condition())
    await wait_for_fault_hits(emulator)
    late = counting_condition()
    await asyncio.gather(early, start_wait(late))
    assert len(late.answers) == 1
    assert await request_counts(emulator) == {listing_path(): 1}


async def test_an_answer_younger_than_the_interval_is_taken_again(emulator: DamstraEmulator) -> None:
    staying = counting_condition(enough=NEVER_DONE)
    held = start_wait(staying)
    await until_in_loop(lambda: bool(staying.answers), "the first answer")
    for _ in range(3):
        late = counting_condition()
        await start_wait(late)
        assert late.answers == staying.answers
    assert await request_counts(emulator) == {listing_path(): 1}
    await cancel(held)


async def test_an_answer_older_than_the_newcomers_interval_is_not(emulator: DamstraEmulator) -> None:
    staying = counting_condition(enough=NEVER_DONE)
    held = start_wait(staying)
    await until_in_loop(lambda: bool(staying.answers), "the first answer")
    await start_wait(counting_condition(), poll_interval=1e-9)
    assert await request_counts(emulator) == {listing_path(): 2}
    await cancel(held)


async def test_news_reach_all_who_wait_and_at_once_who_comes_later(emulator: DamstraEmulator) -> None:
    patient, hasty = counting_condition(enough=2), counting_condition(enough=2)
    tasks = [start_wait(patient), start_wait(hasty, poll_interval=0.02)]
    await until_in_loop(lambda: bool(patient.answers and hasty.answers), "the first answers")
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)
    states = {row.row_key: row.state for row in patient.answers[1]}
    assert states[THIRD] == "completed"
    assert patient.answers == hasty.answers


async def test_who_comes_in_flight_and_wants_other_rows_is_served_at_once(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    emulator.add_fault("delay", delay=0.2, count=1)
    one = start_wait(counting_condition(rows=frozenset({FIRST})))
    await wait_for_fault_hits(emulator)
    late = counting_condition(rows=frozenset({THIRD, LAST}))
    async with asyncio.timeout(5):
        await asyncio.gather(one, start_wait(late))
    assert {THIRD, LAST} <= {row.row_key for row in late.answers[-1]}


async def test_who_comes_afterwards_and_wants_other_rows_is_served_at_once(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    staying = counting_condition(enough=NEVER_DONE, rows=frozenset({FIRST}))
    held = start_wait(staying)
    await until_in_loop(lambda: bool(staying.answers), "the first answer")
    assert [row.row_key for row in staying.answers[0]] == [FIRST]
    late = counting_condition(rows=frozenset({LAST}))
    async with asyncio.timeout(5):
        await start_wait(late)
    assert LAST in {row.row_key for row in late.answers[-1]}
    await cancel(held)


async def test_who_wants_more_of_the_same_listing_later_is_served_at_once(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)

    class Greedy(CountingCondition):
        def update(self, query: object, answer: list[object]) -> None:
            self.answers += answer
            self.rows = frozenset({FIRST, LAST})

        def evaluate(self) -> PollResult:
            return PollResult(is_done=LAST in {row.row_key for row in self.answers})

    async with asyncio.timeout(3):
        await start_wait(Greedy(counting_condition().questions, rows=frozenset({FIRST})))


async def test_a_wait_that_finds_out_bit_by_bit_whose_schedules_they_are_need_not_wait_an_interval(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
    slow = GetLessonSchedule(lesson_schedule_id=LAST).request().path
    emulator.add_fault("delay", path=slow, delay=0.2)
    wait = LessonScheduleCondition(lesson_schedule_ids=[THIRD, LAST])
    async with asyncio.timeout(3):
        result = await start_wait(wait)
    assert str(LAST) in (result.failure or "")
    assert wait.owners == {THIRD: LIAM, LAST: LIAM}


async def test_a_listing_is_only_read_as_far_as_somebody_wants(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    wait = counting_condition(rows=frozenset({FIRST}))
    await start_wait(wait)
    assert [row.row_key for row in wait.answers[0]] == [FIRST]
    assert len(emulator.journal()) == 1


async def test_different_connections_do_not_share(emulator: DamstraEmulator, connect: Connect) -> None:
    connect("other")
    await asyncio.gather(start_wait(counting_condition()), start_wait(counting_condition(), conn_id="other"))
    assert await request_counts(emulator) == {listing_path(): 2}


def a_day_later(emulator: DamstraEmulator) -> LessonScheduleCondition:
    """Return a wait for a schedule that starts in a day."""
    emulator.move_lesson_schedule(THIRD, emulator.now + timedelta(seconds=DAY))
    return LessonScheduleCondition(lesson_schedule_ids=[THIRD], owners={str(THIRD): LIAM})


async def test_the_next_look_is_when_it_starts(emulator: DamstraEmulator) -> None:
    said = LogRecorder()
    held = start_wait(a_day_later(emulator), poll_interval=0.01, say=said)
    await until_in_loop(lambda: bool(said.lines), "the first look")
    now = asyncio.get_running_loop().time()
    assert max(timer.when() for timer in pending_timers()) - now == pytest.approx(DAY, abs=10)
    assert await request_counts(emulator) == {listing_path(): 1}
    await cancel(held)


async def test_one_who_waits_for_what_has_started_does_not_wait_for_that(emulator: DamstraEmulator) -> None:
    later = start_wait(a_day_later(emulator), poll_interval=0.01)
    started = LessonScheduleCondition(lesson_schedule_ids=[30067], owners={"30067": LIAM})
    other = start_wait(started, poll_interval=0.01)
    await wait_for_requests(emulator, 5)
    await cancel(later, other)
