"""A wait of hours leaves nothing behind at each look."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

from tests.polling.helpers import (
    cancel,
    counting_condition,
    pending_timers,
    start_wait,
    wait_for_requests,
    wait_until_idle,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

USERS = (1011, 1012, 1013)
CONDITIONS = 15
FEW, MANY = 60, 360
MOMENTS = 4


async def left_after(looks: int, emulator: DamstraEmulator) -> tuple[int, int]:
    """Return how many objects and pending_timers there are after so many more looks, at a quiet moment."""
    await wait_for_requests(emulator, looks)
    found = []
    for _ in range(MOMENTS):
        await wait_for_requests(emulator, len(USERS))
        # The emulator is in this process, and remembers requests.
        await asyncio.to_thread(emulator.clear_journal)
        # Those that are under way hold hundreds of objects, on the emulator's side a little longer.
        await wait_until_idle(CONDITIONS)
        gc.collect()
        found.append((len(gc.get_objects()), len(pending_timers())))
    return min(found)


async def test_hundreds_of_looks_leave_as_much_behind_as_a_few(emulator: DamstraEmulator) -> None:
    # All rows are wanted, so each look is a page and the empty one after it; nothing changes, so none ends.
    each = range(CONDITIONS // len(USERS))
    waits = [
        start_wait(counting_condition(user, enough=2), poll_interval=0.01) for user in USERS for _ in each
    ]
    objects, timed = await left_after(FEW, emulator)
    more_objects, more_timed = await left_after(MANY, emulator)
    assert not any(wait.done() for wait in waits)
    await cancel(*waits)
    # The emulator's side differs by some dozens; one object left by each look would be hundreds.
    assert more_objects - objects < MANY * 2 / 3
    assert abs(more_timed - timed) <= 2 * len(USERS)
