"""The limit on requests per second, and who shares limits."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients import limits as module
from airflow_provider_damstra.clients.limits import Limits, limits_for
from airflow_provider_damstra.clients.settings import ClientSettings
from tests.clients.clock import Clock
from tests.clients.rooms import free_places

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that limits go by."""
    clock = Clock()
    monkeypatch.setattr(module, "time", _Thread(clock))
    monkeypatch.setattr(module, "asyncio", _Loop(clock.pass_by_in_loop))
    return clock


class _Thread:
    def __init__(self, clock: Clock) -> None:
        self.monotonic = clock.monotonic
        self.sleep = clock.pass_by


class _Loop:
    Event = asyncio.Event
    get_running_loop = staticmethod(asyncio.get_running_loop)

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.sleep = sleep


def starts(limits: Limits, clock: Clock, count: int) -> list[float]:
    """Return when requests began, every second of them in an event loop."""
    found: list[float] = []

    async def in_loop() -> None:
        async with limits.turn_in_loop():
            found.append(clock.now)

    for number in range(count):
        if number % 2:
            asyncio.run(in_loop())
        else:
            with limits.turn():
                found.append(clock.now)
    return found


def test_requests_begin_at_even_distances(clock: Clock) -> None:
    limits = Limits(max_concurrency=8, requests_per_second=4)
    assert starts(limits, clock, 5) == [100, 100.25, 100.5, 100.75, 101]


def test_less_than_one_a_second(clock: Clock) -> None:
    limits = Limits(max_concurrency=8, requests_per_second=0.5)
    assert starts(limits, clock, 3) == [100, 102, 104]


def test_time_in_which_nothing_was_sent_is_not_saved_up(clock: Clock) -> None:
    limits = Limits(max_concurrency=8, requests_per_second=4)
    starts(limits, clock, 1)
    clock.now += 60
    assert starts(limits, clock, 3) == [160, 160.25, 160.5]


def test_who_takes_its_time_does_not_wait_longer(clock: Clock) -> None:
    limits = Limits(max_concurrency=8, requests_per_second=4)
    with limits.turn():
        clock.now += 5
    assert starts(limits, clock, 2) == [105, 105.25]


def test_a_turn_that_is_free_keeps_the_distance_too(clock: Clock) -> None:
    limits = Limits(max_concurrency=8, requests_per_second=4)
    assert limits.turn_now(seconds=60) is not None
    assert limits.turn_now(seconds=60) is None
    assert starts(limits, clock, 1) == [100.25]
    clock.now += 0.25
    assert limits.turn_now(seconds=60) is not None


async def test_who_waited_for_a_place_still_keeps_the_distance(clock: Clock) -> None:
    limits = Limits(max_concurrency=1, requests_per_second=4)
    found: list[float] = []

    async def request() -> None:
        async with limits.turn_in_loop():
            found.append(clock.now)

    async with limits.turn_in_loop():
        requests = [asyncio.ensure_future(request()) for _ in range(4)]
        for _ in range(10):
            await asyncio.sleep(0)
        clock.now += 60
    await asyncio.wait_for(asyncio.gather(*requests), 10)
    distances = [later - earlier for earlier, later in pairwise(found)]
    assert distances == [0.25] * 3


def test_who_is_cancelled_while_it_keeps_the_distance_loses_no_place(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(max_concurrency=1, requests_per_second=4)

    async def scenario() -> None:
        waiter = asyncio.ensure_future(limits.turn_in_loop().__aenter__())
        for _ in range(5):
            await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter

    with monkeypatch.context() as patch:
        patch.setattr(module, "asyncio", _Loop(_for_ever))
        asyncio.run(scenario())
    assert free_places(limits, 3) == 1


async def _for_ever(_: float) -> None:
    await asyncio.Event().wait()


def test_without_a_limit_nobody_waits(clock: Clock) -> None:
    limits = Limits(max_concurrency=8, requests_per_second=None)
    assert starts(limits, clock, 10) == [100] * 10
    assert sum(clock.sleeps) == 0


def settings(**changes: Any) -> ClientSettings:
    base = {"base_url": "https://limits.example/api/v2", "access_key": "one"}
    return ClientSettings.model_validate({**base, **changes})


def test_the_same_connection_means_the_same_limits() -> None:
    assert limits_for(settings()) is limits_for(settings(timeout=5, page_size=7, max_retries=0))


@pytest.mark.parametrize(
    "other",
    [
        {"base_url": "https://other.example/api/v2"},
        {"access_key": "two"},
        {"max_concurrency": 2},
        {"requests_per_second": 2},
    ],
)
def test_another_account_or_other_limits_have_their_own(other: dict[str, Any]) -> None:
    assert limits_for(settings()) is not limits_for(settings(**other))
