"""Waits give up when their time is up, each at its own, and none keeps a timer when it is over."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.clients.clock import until_in_loop
from tests.polling.helpers import (
    cancel,
    counting_condition,
    other_tasks,
    pending_timers,
    start_wait,
    wait_for_requests,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator


def far_timers() -> list[asyncio.TimerHandle]:
    """Return the pending_timers of waits: aiohttp has some of its own, that go off within seconds."""
    now = asyncio.get_running_loop().time()
    return [timer for timer in pending_timers() if timer.when() > now + 1_000]


async def test_each_wait_ends_at_its_own_deadline(emulator: DamstraEmulator) -> None:
    begun = time.monotonic()
    waits = {
        seconds: start_wait(counting_condition(enough=1_000), seconds=seconds)
        for seconds in (0.9, 0.3, 0.5, None, 3600.0)
    }
    ended = {}
    for seconds in (0.3, 0.5, 0.9):
        with pytest.raises(TimeoutError):
            await waits[seconds]
        ended[seconds] = time.monotonic() - begun
    assert all(late >= seconds for seconds, late in ended.items())
    assert list(ended.values()) == sorted(ended.values())
    assert not waits[None].done()
    assert not waits[3600.0].done()
    await cancel(waits[None], waits[3600.0])
    assert not pending_timers()


async def test_many_deadlines_are_one_timer(emulator: DamstraEmulator) -> None:
    waits = [start_wait(counting_condition(enough=1_000), seconds=3600.0 + one) for one in range(20)]
    await wait_for_requests(emulator, 1)
    await until_in_loop(lambda: len(far_timers()) == 2, "the query's timer and the deadlines'")
    await cancel(*waits)
    await until_in_loop(lambda: not other_tasks(), "nothing runs any more")
    assert not pending_timers()


async def test_time_that_is_up_before_it_begins_asks_nothing(emulator: DamstraEmulator) -> None:
    with pytest.raises(TimeoutError):
        await start_wait(counting_condition(), seconds=-1.0)
    assert await asyncio.to_thread(emulator.journal) == []


async def test_a_server_that_never_answers_holds_no_wait_beyond_its_deadline(
    emulator: DamstraEmulator,
) -> None:
    emulator.add_fault("delay", delay=5.0)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        await start_wait(counting_condition(), seconds=0.3)
    assert time.monotonic() - begun < 4.0
