"""Polls of an unchanged response leave no objects or timers."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import TYPE_CHECKING

from tests.polling.helpers import (
    cancel,
    pending_timers,
    recording,
    start_polling,
    wait_for_requests,
    wait_until_idle,
)

if TYPE_CHECKING:
    import pytest

    from airflow_provider_damstra.testing import DamstraEmulator

USERS = (1011, 1012, 1013)
SUBSCRIPTIONS = 15
FEW, MANY = 60, 360
SAMPLES = 4


async def count_after(polls: int, emulator: DamstraEmulator) -> tuple[int, int]:
    """Return the numbers of objects and timers after further polls, without a request in flight."""
    await wait_for_requests(emulator, polls)
    samples = []
    for _ in range(SAMPLES):
        await wait_for_requests(emulator, len(USERS))
        # The emulator runs in this process and stores requests.
        await asyncio.to_thread(emulator.clear_journal)
        # A request in flight has hundreds of objects, for a little longer in the emulator.
        await wait_until_idle(SUBSCRIPTIONS)
        gc.collect()
        samples.append((len(gc.get_objects()), len(pending_timers())))
    return min(samples)


async def test_object_count_does_not_grow_with_polls(
    emulator: DamstraEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    # pytest keeps each log record of a test, and requests are logged with DEBUG.
    caplog.set_level(logging.INFO)
    # All rows are needed, so each poll is a page and the empty one after it; no response changes.
    per_user = range(SUBSCRIPTIONS // len(USERS))
    tasks = [
        start_polling(recording(user, done_after=2), poll_interval=0.01) for user in USERS for _ in per_user
    ]
    objects, timers = await count_after(FEW, emulator)
    more_objects, more_timers = await count_after(MANY, emulator)
    assert not any(task.done() for task in tasks)
    await cancel(*tasks)
    # The emulator's side varies by some dozens; one object left by each poll would be hundreds.
    assert more_objects - objects < MANY * 2 / 3
    assert abs(more_timers - timers) <= 2 * len(USERS)
