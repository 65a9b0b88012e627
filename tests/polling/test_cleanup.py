"""Nothing is left of waits that have ended, and those that go on do not notice."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.endpoints import ListUserLessonSchedules
from airflow_provider_damstra.errors import DamstraServerError
from tests.clients.clock import until_in_loop
from tests.polling.helpers import (
    LIAM,
    THIRD,
    CountingCondition,
    cancel,
    counting_condition,
    listing_path,
    other_tasks,
    pending_timers,
    request_counts,
    start_wait,
    wait_for_fault_hits,
    wait_for_requests,
)

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_damstra.http import Request
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.polling.conftest import Connect

NEVER_DONE = 1_000_000


async def nothing_is_left(sessions: list[aiohttp.ClientSession]) -> None:
    """Wait until no task runs any more, and check the rest."""
    await until_in_loop(lambda: not other_tasks(), "nothing runs any more")
    assert not pending_timers()
    assert all(session.closed for session in sessions)


async def test_the_last_to_leave_closes_the_connection_and_the_next_opens_another(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    for count in (1, 2, 3):
        await asyncio.gather(
            start_wait(counting_condition()),
            start_wait(counting_condition(1012)),
            start_wait(counting_condition(1012)),
        )
        assert len(sessions) == count
        await nothing_is_left(sessions)
    gc.collect()  # An unclosed session or socket would be a warning, and so an error.


async def test_a_new_wait_can_begin_in_the_moment_in_which_the_last_ends(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    begun: list[asyncio.Task[object]] = []
    first = start_wait(counting_condition())
    first.add_done_callback(lambda _: begun.append(start_wait(counting_condition())))
    await first
    await until_in_loop(lambda: bool(begun), "the second has begun")
    await begun[0]
    assert sessions
    await nothing_is_left(sessions)


@pytest.mark.parametrize("ticks", [0, 1, 2, 3, 5, 8, 13, 50])
async def test_a_wait_that_is_cancelled_early_leaves_nothing_behind(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession], ticks: int
) -> None:
    wait = start_wait(counting_condition(enough=NEVER_DONE), poll_interval=0.01)
    for _ in range(ticks):
        await asyncio.sleep(0)
    await cancel(wait)
    assert wait.cancelled()
    await nothing_is_left(sessions)
    await start_wait(counting_condition())
    await nothing_is_left(sessions)


async def test_a_wait_that_is_cancelled_in_flight_leaves_nothing_behind(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    emulator.add_fault("delay", delay=0.2)
    wait = start_wait(counting_condition(enough=NEVER_DONE))
    await wait_for_fault_hits(emulator)
    await cancel(wait)
    assert sessions
    await nothing_is_left(sessions)
    gc.collect()
    await wait_for_requests(emulator, 1)


async def test_a_wait_that_is_cancelled_between_two_looks_leaves_nothing_behind(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    waiting = counting_condition(enough=NEVER_DONE)
    wait = start_wait(waiting)
    await until_in_loop(lambda: bool(waiting.answers), "the first answer")
    assert pending_timers()
    await cancel(wait)
    assert sessions
    await nothing_is_left(sessions)


async def test_others_go_on_when_one_ends_or_is_cancelled(emulator: DamstraEmulator) -> None:
    staying = counting_condition(enough=2)
    held = start_wait(staying, poll_interval=0.03)
    cancelled = start_wait(counting_condition(enough=NEVER_DONE), poll_interval=0.03)
    await start_wait(counting_condition(), poll_interval=0.03)
    await cancel(cancelled)
    await wait_for_requests(emulator, 3)
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    async with asyncio.timeout(5):
        assert (await held).result == [2]


async def test_what_nobody_wants_to_know_any_more_is_not_asked(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(max_concurrency=1)
    emulator.add_fault("delay", delay=0.2, count=1)
    held = start_wait(counting_condition(enough=NEVER_DONE))
    await wait_for_fault_hits(emulator)
    leaving = counting_condition(1012)
    left = start_wait(leaving)
    await until_in_loop(lambda: leaving.has_begun, "its query stands in the line")
    await cancel(left)
    await start_wait(counting_condition(1013))
    assert await request_counts(emulator) == {listing_path(): 1, listing_path(1013): 1}
    await cancel(held)


async def test_a_question_that_cannot_even_be_sent_ends_all_who_ask_it(emulator: DamstraEmulator) -> None:
    class Unsayable(ListUserLessonSchedules):
        def page_request(self, *, start: int, size: int) -> Request:
            raise LookupError("I have no words for this")

    staying = counting_condition(enough=NEVER_DONE)
    held = start_wait(staying)
    await until_in_loop(lambda: bool(staying.answers), "the connection is open")
    waits = []
    # So that one comes in every moment of another's failure.
    for number in range(100):
        waits.append(start_wait(CountingCondition([Unsayable(user_id=LIAM)])))
        for _ in range(number % 5):
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        errors = await asyncio.gather(*waits, return_exceptions=True)
    assert {str(error) for error in errors} == {"I have no words for this"}
    await cancel(held)


async def test_a_question_that_a_wait_has_no_more_is_not_asked_any_more(emulator: DamstraEmulator) -> None:
    class Narrowing(CountingCondition):
        def update(self, query: object, answer: object) -> None:
            self.answers.append(answer)
            self.questions = self.questions[:1]

    wait = start_wait(
        Narrowing(counting_condition(1011, 1012).questions, enough=NEVER_DONE), poll_interval=0.02
    )
    await wait_for_requests(emulator, 6)
    await cancel(wait)
    assert (await request_counts(emulator))[listing_path(1012)] <= 1


@pytest.mark.parametrize("most", [1, 8])
async def test_a_wait_that_cannot_cope_with_an_answer_ends_alone(
    emulator: DamstraEmulator, connect: Connect, sessions: list[aiohttp.ClientSession], most: int
) -> None:
    connect(max_concurrency=most)

    class Stumbling(CountingCondition):
        def update(self, query: object, answer: object) -> None:
            raise ValueError("I cannot read this")

    same, other = counting_condition(enough=2), counting_condition(1012)
    stumbling = start_wait(Stumbling(counting_condition().questions))
    others = [start_wait(same, poll_interval=0.02), start_wait(other)]
    async with asyncio.timeout(5):
        with pytest.raises(ValueError, match="I cannot read this"):
            await stumbling
        await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
        verdicts = await asyncio.gather(*others)
    assert [result.result for result in verdicts] == [[2], [1]]
    await nothing_is_left(sessions)


async def test_the_connection_is_closed_after_failures_too(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    emulator.add_fault("status", status=503)
    with pytest.raises(DamstraServerError):
        await start_wait(counting_condition(), poll_interval=0.01, max_poll_failures=1)
    assert sessions
    await nothing_is_left(sessions)


async def test_a_question_that_is_due_in_the_moment_in_which_the_last_answer_comes_is_asked(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(max_concurrency=1)

    def count_slowly(request: Request, status: int | None, seconds: float) -> None:
        if request.path == listing_path(1012):
            due = min(timer.when() for timer in pending_timers())
            threading.Event().wait(max(due - asyncio.get_running_loop().time(), 0) + 0.001)

    monkeypatch.setattr("airflow_provider_damstra.hooks.metrics.count_request", count_slowly)
    waiting = counting_condition(enough=NEVER_DONE)
    held = start_wait(waiting, poll_interval=0.05)
    await until_in_loop(lambda: bool(waiting.answers), "the first answer")
    await start_wait(counting_condition(1012, rows=frozenset()))
    emulator.clear_journal()
    await wait_for_requests(emulator, 2)
    await cancel(held)
