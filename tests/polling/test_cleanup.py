"""Ended subscriptions leave no tasks, timers or sessions, and do not affect others."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.endpoints import ListUserLessonSchedules
from airflow_provider_damstra.errors import DamstraServerError
from tests.polling.helpers import (
    LIAM,
    NEVER,
    THIRD,
    RecordingCondition,
    cancel,
    other_tasks,
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
    import aiohttp

    from airflow_provider_damstra.http import Request
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.polling.conftest import Connect


async def assert_cleaned_up(sessions: list[aiohttp.ClientSession]) -> None:
    """Wait until all tasks have ended, and check timers and sessions."""
    await wait_until_async(lambda: not other_tasks(), "all tasks to end")
    assert not pending_timers()
    assert all(session.closed for session in sessions)


async def test_last_subscription_closes_client_and_next_opens_another(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    for count in (1, 2, 3):
        await asyncio.gather(
            start_polling(recording()), start_polling(recording(1012)), start_polling(recording(1012))
        )
        assert len(sessions) == count
        await assert_cleaned_up(sessions)
    gc.collect()  # Unclosed sessions or sockets emit warnings, which are errors here.


async def test_subscription_can_start_while_last_one_ends(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    started: list[asyncio.Task[object]] = []
    first = start_polling(recording())
    first.add_done_callback(lambda _: started.append(start_polling(recording())))
    await first
    await wait_until_async(lambda: bool(started), "the second to start")
    await started[0]
    assert sessions
    await assert_cleaned_up(sessions)


@pytest.mark.parametrize("ticks", [0, 1, 2, 3, 5, 8, 13, 50])
async def test_cancellation_during_start_cleans_up(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession], ticks: int
) -> None:
    task = start_polling(recording(done_after=NEVER), poll_interval=0.01)
    for _ in range(ticks):
        await asyncio.sleep(0)
    await cancel(task)
    assert task.cancelled()
    await assert_cleaned_up(sessions)
    await start_polling(recording())
    await assert_cleaned_up(sessions)


async def test_cancellation_during_request_cleans_up(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    emulator.add_fault("delay", delay=0.2)
    task = start_polling(recording(done_after=NEVER))
    await wait_for_fault_hits(emulator)
    await cancel(task)
    assert sessions
    await assert_cleaned_up(sessions)
    gc.collect()
    await wait_for_requests(emulator, 1)


async def test_cancellation_between_polls_cleans_up(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    condition = recording(done_after=NEVER)
    task = start_polling(condition)
    await wait_until_async(lambda: bool(condition.responses), "the first response")
    assert pending_timers()
    await cancel(task)
    assert sessions
    await assert_cleaned_up(sessions)


async def test_other_subscriptions_continue_when_one_ends_or_is_cancelled(emulator: DamstraEmulator) -> None:
    remaining = start_polling(recording(done_after=2), poll_interval=0.03)
    cancelled = start_polling(recording(done_after=NEVER), poll_interval=0.03)
    await start_polling(recording(), poll_interval=0.03)
    await cancel(cancelled)
    await wait_for_requests(emulator, 3)
    await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
    async with asyncio.timeout(5):
        assert (await remaining).result == [2]


async def test_queued_query_without_subscription_is_not_sent(
    emulator: DamstraEmulator, connect: Connect
) -> None:
    connect(max_concurrency=1)
    emulator.add_fault("delay", delay=0.2, count=1)
    other = start_polling(recording(done_after=NEVER))
    await wait_for_fault_hits(emulator)
    condition = recording(1012)
    cancelled = start_polling(condition)
    await wait_until_async(lambda: condition.is_started, "its query to be queued")
    await cancel(cancelled)
    await start_polling(recording(1013))
    assert await request_counts(emulator) == {path(): 1, path(1013): 1}
    await cancel(other)


async def test_query_that_cannot_be_encoded_fails_all_its_subscriptions(emulator: DamstraEmulator) -> None:
    class UnencodableQuery(ListUserLessonSchedules):
        def page_request(self, *, start: int, size: int) -> Request:
            raise LookupError("cannot be encoded")

    condition = recording(done_after=NEVER)
    other = start_polling(condition)
    await wait_until_async(lambda: bool(condition.responses), "the client to be open")
    tasks = []
    # At various times, so that some start at each step of another's failure.
    for number in range(100):
        tasks.append(start_polling(RecordingCondition([UnencodableQuery(user_id=LIAM)])))
        for _ in range(number % 5):
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert {str(error) for error in errors} == {"cannot be encoded"}
    await cancel(other)


async def test_query_that_a_condition_no_longer_has_is_not_polled(emulator: DamstraEmulator) -> None:
    class NarrowingCondition(RecordingCondition):
        def update(self, query: object, response: object) -> None:
            self.responses.append(response)
            self.required = self.required[:1]

    task = start_polling(
        NarrowingCondition(recording(1011, 1012).required, done_after=NEVER), poll_interval=0.02
    )
    await wait_for_requests(emulator, 6)
    await cancel(task)
    assert (await request_counts(emulator))[path(1012)] <= 1


@pytest.mark.parametrize("max_concurrency", [1, 8])
async def test_condition_that_raises_ends_only_its_subscription(
    emulator: DamstraEmulator, connect: Connect, sessions: list[aiohttp.ClientSession], max_concurrency: int
) -> None:
    connect(max_concurrency=max_concurrency)

    class FailingCondition(RecordingCondition):
        def update(self, query: object, response: object) -> None:
            raise ValueError("cannot be read")

    same, other = recording(done_after=2), recording(1012)
    failing = start_polling(FailingCondition(recording().required))
    others = [start_polling(same, poll_interval=0.02), start_polling(other)]
    async with asyncio.timeout(5):
        with pytest.raises(ValueError, match="cannot be read"):
            await failing
        await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
        results = await asyncio.gather(*others)
    assert [result.result for result in results] == [[2], [1]]
    await assert_cleaned_up(sessions)


async def test_client_is_closed_after_failures(
    emulator: DamstraEmulator, sessions: list[aiohttp.ClientSession]
) -> None:
    emulator.add_fault("status", status=503)
    with pytest.raises(DamstraServerError):
        await start_polling(recording(), poll_interval=0.01, max_poll_failures=1)
    assert sessions
    await assert_cleaned_up(sessions)


async def test_query_that_is_due_while_last_worker_ends_is_polled(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(max_concurrency=1)

    def count_with_delay(request: Request, status: int | None, seconds: float) -> None:
        if request.path == path(1012):
            due = min(timer.when() for timer in pending_timers())
            threading.Event().wait(max(due - asyncio.get_running_loop().time(), 0) + 0.001)

    monkeypatch.setattr("airflow_provider_damstra.hooks.metrics.count_request", count_with_delay)
    condition = recording(done_after=NEVER)
    other = start_polling(condition, poll_interval=0.05)
    await wait_until_async(lambda: bool(condition.responses), "the first response")
    await start_polling(recording(1012, rows=frozenset()))
    emulator.clear_journal()
    await wait_for_requests(emulator, 2)
    await cancel(other)
