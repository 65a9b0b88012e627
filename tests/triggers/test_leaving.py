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
from tests.triggers.polling import (
    LIAM,
    THIRD,
    Curious,
    begin,
    curious,
    other_tasks,
    path,
    requests,
    stop,
    timers,
    until_asked,
    until_struck,
)

if TYPE_CHECKING:
    import aiohttp

    from airflow_provider_damstra.http import Request
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.triggers.conftest import Connect

FOR_EVER = 1_000_000


async def nothing_is_left(sessions: list[aiohttp.ClientSession]) -> None:
    """Wait until no task runs any more, and check the rest."""
    await until_in_loop(lambda: not other_tasks(), "nothing runs any more")
    assert not timers()
    assert all(session.closed for session in sessions)


async def test_the_last_to_leave_closes_the_connection_and_the_next_opens_another(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    for count in (1, 2, 3):
        await asyncio.gather(begin(curious()), begin(curious(1012)), begin(curious(1012)))
        assert len(sessions) == count
        await nothing_is_left(sessions)
    gc.collect()  # An unclosed session or socket would be a warning, and so an error.


async def test_a_new_wait_can_begin_in_the_moment_in_which_the_last_ends(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    begun: list[asyncio.Task[object]] = []
    first = begin(curious())
    first.add_done_callback(lambda _: begun.append(begin(curious())))
    await first
    await until_in_loop(lambda: bool(begun), "the second has begun")
    await begun[0]
    assert sessions
    await nothing_is_left(sessions)


@pytest.mark.parametrize("ticks", [0, 1, 2, 3, 5, 8, 13, 50])
async def test_a_wait_that_is_cancelled_early_leaves_nothing_behind(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession], ticks: int
) -> None:
    wait = begin(curious(enough=FOR_EVER), poll_interval=0.01)
    for _ in range(ticks):
        await asyncio.sleep(0)
    await stop(wait)
    assert wait.cancelled()
    await nothing_is_left(sessions)
    await begin(curious())
    await nothing_is_left(sessions)


async def test_a_wait_that_is_cancelled_in_flight_leaves_nothing_behind(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    emulator.add_fault("delay", delay=0.2)
    wait = begin(curious(enough=FOR_EVER))
    await until_struck(emulator)
    await stop(wait)
    assert sessions
    await nothing_is_left(sessions)
    gc.collect()
    await until_asked(emulator, 1)


async def test_a_wait_that_is_cancelled_between_two_looks_leaves_nothing_behind(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    waiting = curious(enough=FOR_EVER)
    wait = begin(waiting)
    await until_in_loop(lambda: bool(waiting.answers), "the first answer")
    assert timers()
    await stop(wait)
    assert sessions
    await nothing_is_left(sessions)


async def test_others_go_on_when_one_ends_or_is_cancelled(emulator: DamstraEmulator) -> None:
    staying = curious(enough=2)
    held = begin(staying, poll_interval=0.03)
    cancelled = begin(curious(enough=FOR_EVER), poll_interval=0.03)
    await begin(curious(), poll_interval=0.03)
    await stop(cancelled)
    await until_asked(emulator, 3)
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    async with asyncio.timeout(5):
        assert (await held).result == [2]


async def test_what_nobody_wants_to_know_any_more_is_not_asked(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(max_concurrency=1)
    emulator.add_fault("delay", delay=0.2, count=1)
    held = begin(curious(enough=FOR_EVER))
    await until_struck(emulator)
    leaving = curious(1012)
    left = begin(leaving)
    await until_in_loop(lambda: leaving.has_begun, "its query stands in the line")
    await stop(left)
    await begin(curious(1013))
    assert await requests(emulator) == {path(): 1, path(1013): 1}
    await stop(held)


async def test_a_question_that_cannot_even_be_sent_ends_all_who_ask_it(emulator: DamstraEmulator) -> None:
    class Unsayable(ListUserLessonSchedules):
        def page_request(self, *, start: int, size: int) -> Request:
            raise LookupError("I have no words for this")

    staying = curious(enough=FOR_EVER)
    held = begin(staying)
    await until_in_loop(lambda: bool(staying.answers), "the connection is open")
    waits = []
    # So that one comes in every moment of another's failure.
    for number in range(100):
        waits.append(begin(Curious([Unsayable(user_id=LIAM)])))
        for _ in range(number % 5):
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        errors = await asyncio.gather(*waits, return_exceptions=True)
    assert {str(error) for error in errors} == {"I have no words for this"}
    await stop(held)


async def test_a_question_that_a_wait_has_no_more_is_not_asked_any_more(emulator: DamstraEmulator) -> None:
    class Narrowing(Curious):
        def update(self, query: object, answer: object) -> None:
            self.answers.append(answer)
            self.questions = self.questions[:1]

    wait = begin(Narrowing(curious(1011, 1012).questions, enough=FOR_EVER), poll_interval=0.02)
    await until_asked(emulator, 6)
    await stop(wait)
    assert (await requests(emulator))[path(1012)] <= 1


@pytest.mark.parametrize("most", [1, 8])
async def test_a_wait_that_cannot_cope_with_an_answer_ends_alone(
    emulator: DamstraEmulator, connect: Connect, sessions: list[aiohttp.ClientSession], most: int
) -> None:
    connect(max_concurrency=most)

    class Stumbling(Curious):
        def update(self, query: object, answer: object) -> None:
            raise ValueError("I cannot read this")

    same, other = curious(enough=2), curious(1012)
    stumbling = begin(Stumbling(curious().questions))
    others = [begin(same, poll_interval=0.02), begin(other)]
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
        await begin(curious(), poll_interval=0.01, max_poll_failures=1)
    assert sessions
    await nothing_is_left(sessions)


async def test_a_question_that_is_due_in_the_moment_in_which_the_last_answer_comes_is_asked(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(max_concurrency=1)

    def count_slowly(request: Request, status: int | None, seconds: float) -> None:
        if request.path == path(1012):
            due = min(timer.when() for timer in timers())
            threading.Event().wait(max(due - asyncio.get_running_loop().time(), 0) + 0.001)

    monkeypatch.setattr("airflow_provider_damstra.hooks.metrics.count_request", count_slowly)
    waiting = curious(enough=FOR_EVER)
    held = begin(waiting, poll_interval=0.05)
    await until_in_loop(lambda: bool(waiting.answers), "the first answer")
    await begin(curious(1012, rows=frozenset()))
    emulator.clear_journal()
    await until_asked(emulator, 2)
    await stop(held)
