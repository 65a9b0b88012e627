"""RateLimiter: concurrency and rate for threads and event loops; no permit is lost or granted twice."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients import rate_limiter as module
from airflow_provider_damstra.clients.rate_limiter import RateLimiter, rate_limiter_for
from airflow_provider_damstra.clients.settings import ClientSettings
from tests.clients.concurrency import ConcurrencyCounter
from tests.waiting import wait_until, wait_until_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class FakeClock:
    """Advance only when a test sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


def limiter_of(max_concurrency: int, requests_per_second: float | None = None) -> RateLimiter:
    return RateLimiter(max_concurrency=max_concurrency, requests_per_second=requests_per_second)


async def waiting_task(limiter: RateLimiter) -> asyncio.Task[None]:
    """Return a task that waits for a permit."""
    waiting = limiter.waiting
    task = asyncio.ensure_future(limiter.async_permit().__aenter__())
    await wait_until_async(lambda: limiter.waiting > waiting, "the task is in the queue")
    return task


@pytest.mark.parametrize("permits", [1, 3])
def test_threads_and_event_loops_share_permits(permits: int) -> None:
    limiter, counter = limiter_of(permits), ConcurrencyCounter()

    def hold() -> None:
        with limiter.permit(), counter.held():
            pass

    async def hold_in_loop() -> None:
        async with limiter.async_permit():
            with counter.counted():
                await wait_until_async(counter.gate.is_set, "the gate is open")

    async def hold_many() -> None:
        await asyncio.gather(*(hold_in_loop() for _ in range(8)))

    with ThreadPoolExecutor(10) as pool:
        futures = [pool.submit(hold) for _ in range(8)]
        futures += [pool.submit(asyncio.run, hold_many()) for _ in range(2)]
        wait_until(lambda: counter.current == permits, "all permits are held")
        wait_until(lambda: limiter.waiting == 24 - permits, "the others wait")
        assert limiter.free_permits == 0
        counter.gate.set()
        for future in futures:
            future.result(timeout=10)
    assert (counter.total, counter.peak, counter.current) == (24, permits, 0)
    assert limiter.free_permits == permits


async def test_permits_are_granted_in_fifo_order() -> None:
    limiter, served = limiter_of(1), []

    async def hold(number: int) -> None:
        async with limiter.async_permit():
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(hold(number) for number in range(20)))
    assert served == list(range(20))


def test_new_request_does_not_overtake_waiting_thread() -> None:
    limiter, served = limiter_of(1), []

    def hold(name: str) -> None:
        with limiter.permit():
            served.append(name)

    with ThreadPoolExecutor(2) as pool:
        with limiter.permit():
            first = pool.submit(hold, "first")
            wait_until(lambda: limiter.waiting == 1, "the first waits")
            second = pool.submit(hold, "second")
            wait_until(lambda: limiter.waiting == 2, "the second waits")
        first.result(10)
        second.result(10)
    assert served == ["first", "second"]


def test_permit_is_released_when_request_fails() -> None:
    limiter = limiter_of(2)
    for _ in range(5):
        with pytest.raises(ValueError, match="no"), limiter.permit():
            raise ValueError("no")
    assert limiter.free_permits == 2


@pytest.mark.parametrize("was_granted", [False, True])
async def test_cancelled_task_leaks_no_permit(was_granted: bool) -> None:
    limiter = limiter_of(1)
    with ExitStack() as held:
        held.enter_context(limiter.permit())
        task = await waiting_task(limiter)
        if was_granted:
            held.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (limiter.free_permits, limiter.waiting) == (1, 0)


async def test_cancelled_task_does_not_block_the_queue() -> None:
    limiter = limiter_of(1)
    async with limiter.async_permit():
        tasks = [await waiting_task(limiter) for _ in range(3)]
        tasks[0].cancel()
        tasks[2].cancel()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False, True]


def test_closed_event_loop_neither_keeps_nor_doubles_a_permit() -> None:
    limiter = limiter_of(1)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # It would report a task that never ended.
    with limiter.permit():
        task = loop.run_until_complete(waiting_task(limiter))
        loop.close()
    assert limiter.free_permits == 1
    del task
    gc.collect()
    assert limiter.free_permits == 1


def test_interrupted_thread_leaks_no_permit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    limiter = limiter_of(1)
    with limiter.permit():
        monkeypatch.setattr(module, "threading", SimpleNamespace(Event=Interrupted))
        with pytest.raises(KeyboardInterrupt), limiter.permit():
            pass
    assert (limiter.free_permits, limiter.waiting) == (1, 0)


@pytest.mark.parametrize("step", ["add", "discard"])
def test_thread_killed_between_two_steps_leaks_no_permit(step: str) -> None:
    """As a signal handler kills a task: by an exception between any two steps."""

    class Killed(Exception):
        pass

    class Killing(set[Any]):
        def add(self, holder: Any) -> None:
            super().add(holder)
            if step == "add":
                raise Killed

        def discard(self, holder: Any) -> None:
            super().discard(holder)
            if step == "discard":
                raise Killed

    limiter = limiter_of(2)
    limiter._holders = Killing()
    with pytest.raises(Killed), limiter.permit():
        pass
    assert limiter.free_permits == 2


def test_waiting_thread_gets_permit_although_its_wake_up_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECHECK_SECONDS", 0.01)
    limiter = limiter_of(1)
    waiter = module._Waiter()
    assert limiter._try_acquire(waiter)

    def hold() -> None:
        with limiter.permit():
            pass

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(hold)
        wait_until(lambda: limiter.waiting == 1, "the thread waits")
        limiter._queue[0].wake = lambda: None
        limiter._release(waiter)
        waiting.result(10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Return the clock that the limiter uses."""
    clock = FakeClock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    use_async_sleep(monkeypatch, clock.sleep_async)
    return clock


def use_async_sleep(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], Awaitable[None]]) -> None:
    kept = {"Event": asyncio.Event, "get_running_loop": asyncio.get_running_loop}
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(**kept, sleep=sleep))


def start_times(limiter: RateLimiter, clock: FakeClock, count: int) -> list[float]:
    """Return when requests started, every second of them in an event loop."""
    found: list[float] = []

    async def in_loop() -> None:
        async with limiter.async_permit():
            found.append(clock.now)

    for number in range(count):
        if number % 2:
            asyncio.run(in_loop())
        else:
            with limiter.permit():
                found.append(clock.now)
    return found


@pytest.mark.parametrize(
    ("requests_per_second", "times"),
    [(4, [100, 100.25, 100.5, 100.75, 101]), (0.5, [100, 102, 104]), (None, [100] * 10)],
)
def test_requests_start_evenly_spaced(
    requests_per_second: float | None, times: list[float], clock: FakeClock
) -> None:
    assert start_times(limiter_of(8, requests_per_second), clock, len(times)) == times


def test_rate_after_idle_time_is_not_higher(clock: FakeClock) -> None:
    limiter = limiter_of(8, 4)
    start_times(limiter, clock, 1)
    clock.now += 60
    assert start_times(limiter, clock, 3) == [160, 160.25, 160.5]


def test_long_request_does_not_delay_the_next(clock: FakeClock) -> None:
    limiter = limiter_of(8, 4)
    with limiter.permit():
        clock.now += 5
    assert start_times(limiter, clock, 2) == [105, 105.25]


async def test_requests_that_waited_for_a_permit_are_spaced_too(clock: FakeClock) -> None:
    limiter, found = limiter_of(1, 4), []

    async def request() -> None:
        async with limiter.async_permit():
            found.append(clock.now)

    async with limiter.async_permit():
        requests = [asyncio.ensure_future(request()) for _ in range(4)]
        await wait_until_async(lambda: limiter.waiting == 4, "all wait")
        clock.now += 60
    await asyncio.wait_for(asyncio.gather(*requests), 10)
    assert [later - earlier for earlier, later in pairwise(found)] == [0.25] * 3


async def test_task_cancelled_while_it_is_paced_leaks_no_permit(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep_forever(_: float) -> None:
        await asyncio.Event().wait()

    limiter = limiter_of(1, 4)
    assert limiter._reserve_start() == 0
    use_async_sleep(monkeypatch, sleep_forever)
    task = asyncio.ensure_future(limiter.async_permit().__aenter__())
    await wait_until_async(lambda: limiter.free_permits == 0, "the task has the permit")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert limiter.free_permits == 1


def settings(**changes: Any) -> ClientSettings:
    base = {"base_url": "https://limits.example/api/v2", "access_key": "one"}
    return ClientSettings.model_validate({**base, **changes})


def test_clients_of_one_connection_share_a_limiter() -> None:
    assert rate_limiter_for(settings()) is rate_limiter_for(settings(timeout=5, page_size=7, max_retries=0))


@pytest.mark.parametrize(
    "other",
    [
        {"base_url": "https://other.example/api/v2"},
        {"access_key": "two"},
        {"max_concurrency": 2},
        {"requests_per_second": 2},
    ],
)
def test_other_account_or_limits_have_separate_limiter(other: dict[str, Any]) -> None:
    assert rate_limiter_for(settings()) is not rate_limiter_for(settings(**other))


@pytest.mark.filterwarnings("ignore:This process")
def test_forked_process_does_not_inherit_held_permits() -> None:
    """As a process pool of a task is started while pages are in flight."""
    with rate_limiter_for(settings(max_concurrency=1)).permit():
        child = os.fork()
        if not child:
            os._exit(rate_limiter_for(settings(max_concurrency=1)).free_permits)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
