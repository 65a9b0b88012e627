"""Waits of one loop on one connection share questions and answers."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

from airflow_provider_damstra.conditions.base import PollResult
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.endpoints.ilt_session import GetIltSession
from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule
from tests.clients.clock import until_in_loop
from tests.triggers.polling import (
    FIRST,
    LAST,
    LIAM,
    THIRD,
    Curious,
    begin,
    curious,
    moments,
    path,
    requests,
    stop,
    until_asked,
    until_struck,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.triggers.conftest import Connect

FOR_EVER = 1_000_000


async def test_many_waits_on_one_user_ask_once_in_an_interval(emulator: DamstraEmulator) -> None:
    interval = 0.1
    waits = [curious(enough=FOR_EVER) for _ in range(50)]
    tasks = [begin(wait, poll_interval=interval) for wait in waits]
    await until_asked(emulator, 6)
    await stop(*tasks)
    gaps = [later - earlier for earlier, later in pairwise(await moments(emulator))]
    assert min(gaps) > interval / 2.5
    assert sum(gaps[1:]) / len(gaps[1:]) > interval * 0.9
    assert [len(wait.answers) for wait in waits] == [1] * 50


async def test_waits_of_different_users_and_kinds_have_each_their_answer(emulator: DamstraEmulator) -> None:
    session = Curious([GetIltSession(ilt_session_id=403)])
    one, two = curious(1011), curious(1012)
    await asyncio.gather(*map(begin, (session, one, two)))
    assert session.answers[0].id == 403
    assert {row.row_key for row in one.answers[0]}.isdisjoint(row.row_key for row in two.answers[0])
    assert (await requests(emulator)).total() == 3


async def test_who_comes_while_the_question_is_in_flight_waits_for_the_same_answer(
    emulator: DamstraEmulator,
) -> None:
    emulator.add_fault("delay", delay=0.2)
    early = begin(curious())
    await until_struck(emulator)
    late = curious()
    await asyncio.gather(early, begin(late))
    assert len(late.answers) == 1
    assert await requests(emulator) == {path(): 1}


async def test_an_answer_younger_than_the_interval_is_taken_again(emulator: DamstraEmulator) -> None:
    staying = curious(enough=FOR_EVER)
    held = begin(staying)
    await until_in_loop(lambda: bool(staying.answers), "the first answer")
    for _ in range(3):
        late = curious()
        await begin(late)
        assert late.answers == staying.answers
    assert await requests(emulator) == {path(): 1}
    await stop(held)


async def test_an_answer_older_than_the_newcomers_interval_is_not(emulator: DamstraEmulator) -> None:
    staying = curious(enough=FOR_EVER)
    held = begin(staying)
    await until_in_loop(lambda: bool(staying.answers), "the first answer")
    await begin(curious(), poll_interval=1e-9)
    assert await requests(emulator) == {path(): 2}
    await stop(held)


async def test_news_reach_all_who_wait_and_at_once_who_comes_later(emulator: DamstraEmulator) -> None:
    patient, hasty = curious(enough=2), curious(enough=2)
    tasks = [begin(patient), begin(hasty, poll_interval=0.02)]
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
    one = begin(curious(rows=frozenset({FIRST})))
    await until_struck(emulator)
    late = curious(rows=frozenset({THIRD, LAST}))
    async with asyncio.timeout(5):
        await asyncio.gather(one, begin(late))
    assert {THIRD, LAST} <= {row.row_key for row in late.answers[-1]}


async def test_who_comes_afterwards_and_wants_other_rows_is_served_at_once(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    staying = curious(enough=FOR_EVER, rows=frozenset({FIRST}))
    held = begin(staying)
    await until_in_loop(lambda: bool(staying.answers), "the first answer")
    assert [row.row_key for row in staying.answers[0]] == [FIRST]
    late = curious(rows=frozenset({LAST}))
    async with asyncio.timeout(5):
        await begin(late)
    assert LAST in {row.row_key for row in late.answers[-1]}
    await stop(held)


async def test_who_wants_more_of_the_same_listing_later_is_served_at_once(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)

    class Greedy(Curious):
        def update(self, query: object, answer: list[object]) -> None:
            self.answers += answer
            self.rows = frozenset({FIRST, LAST})

        def evaluate(self) -> PollResult:
            return PollResult(is_done=LAST in {row.row_key for row in self.answers})

    async with asyncio.timeout(3):
        await begin(Greedy(curious().questions, rows=frozenset({FIRST})))


async def test_a_wait_that_finds_out_bit_by_bit_whose_schedules_they_are_need_not_wait_an_interval(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
    slow = GetLessonSchedule(lesson_schedule_id=LAST).request().path
    emulator.add_fault("delay", path=slow, delay=0.2)
    wait = LessonScheduleCondition(lesson_schedule_ids=[THIRD, LAST])
    async with asyncio.timeout(3):
        result = await begin(wait)
    assert str(LAST) in (result.failure or "")
    assert wait.owners == {THIRD: LIAM, LAST: LIAM}


async def test_a_listing_is_only_read_as_far_as_somebody_wants(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(page_size=1)
    wait = curious(rows=frozenset({FIRST}))
    await begin(wait)
    assert [row.row_key for row in wait.answers[0]] == [FIRST]
    assert len(emulator.journal()) == 1


async def test_different_connections_do_not_share(emulator: DamstraEmulator, connect: Connect) -> None:
    connect("other")
    await asyncio.gather(begin(curious()), begin(curious(), conn_id="other"))
    assert await requests(emulator) == {path(): 2}
