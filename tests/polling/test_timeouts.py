"""Subscriptions end at their own deadline, and leave no timers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.polling import subscriptions
from airflow_provider_damstra.triggers.deadlines import TIMEOUT_MARGIN
from tests.polling.helpers import (
    NEVER,
    cancel,
    other_tasks,
    pending_timers,
    recording,
    start_polling,
    wait_for_requests,
)
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator


async def test_each_subscription_ends_at_its_own_deadline(emulator: DamstraEmulator) -> None:
    started = time.monotonic()
    tasks = {
        seconds: start_polling(recording(done_after=NEVER), timeout=seconds)
        for seconds in (0.9, 0.3, 0.5, None, 3600.0)
    }
    ended = {}
    for seconds in (0.3, 0.5, 0.9):
        with pytest.raises(TimeoutError):
            await tasks[seconds]
        ended[seconds] = time.monotonic() - started
    assert all(late >= seconds for seconds, late in ended.items())
    assert list(ended.values()) == sorted(ended.values())
    assert not tasks[None].done()
    assert not tasks[3600.0].done()
    await cancel(tasks[None], tasks[3600.0])
    assert not pending_timers()


async def test_cancelled_subscriptions_leave_no_timers(emulator: DamstraEmulator) -> None:
    tasks = [start_polling(recording(done_after=NEVER), timeout=3600.0 + one) for one in range(20)]
    await wait_for_requests(emulator, 1)
    await cancel(*tasks)
    await wait_until_async(lambda: not other_tasks(), "all tasks to end")
    assert not pending_timers()


async def test_expired_deadline_is_followed_by_one_poll(emulator: DamstraEmulator) -> None:
    with pytest.raises(TimeoutError):
        await start_polling(recording(done_after=NEVER), timeout=-1.0)
    pages = [entry["query"]["startIndex"] for entry in await asyncio.to_thread(emulator.journal)]
    assert pages == list(dict.fromkeys(pages)) != []


async def test_last_poll_has_a_time_limit(emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "LAST_POLL_SECONDS", 0.2)
    emulator.add_fault("delay", delay=5.0)
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="The first poll has not ended"):
        await start_polling(recording(), timeout=-1.0)
    assert time.monotonic() - started < 4.0


def test_last_poll_ends_before_the_timeout_of_airflow() -> None:
    assert subscriptions.LAST_POLL_SECONDS < TIMEOUT_MARGIN


async def test_deadline_applies_while_server_does_not_respond(emulator: DamstraEmulator) -> None:
    emulator.add_fault("delay", delay=5.0)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await start_polling(recording(), timeout=0.3)
    assert time.monotonic() - started < 4.0
