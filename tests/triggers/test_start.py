"""What starts later is not asked about before it starts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from tests.clients.clock import until_in_loop
from tests.triggers.polling import LIAM, THIRD, Said, begin, path, requests, stop, timers, until_asked

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

DAY = 86_400


def a_day_later(emulator: DamstraEmulator) -> LessonScheduleCondition:
    """Return a wait for a schedule that starts in a day."""
    emulator.move_lesson_schedule(THIRD, emulator.now + timedelta(seconds=DAY))
    return LessonScheduleCondition(lesson_schedule_ids=[THIRD], owners={str(THIRD): LIAM})


async def test_the_next_look_is_when_it_starts(emulator: DamstraEmulator) -> None:
    said = Said()
    held = begin(a_day_later(emulator), poll_interval=0.01, say=said)
    await until_in_loop(lambda: bool(said.lines), "the first look")
    now = asyncio.get_running_loop().time()
    assert max(timer.when() for timer in timers()) - now == pytest.approx(DAY, abs=10)
    assert await requests(emulator) == {path(): 1}
    await stop(held)


async def test_one_who_waits_for_what_has_started_does_not_wait_for_that(emulator: DamstraEmulator) -> None:
    later = begin(a_day_later(emulator), poll_interval=0.01)
    started = LessonScheduleCondition(lesson_schedule_ids=[30067], owners={"30067": LIAM})
    other = begin(started, poll_interval=0.01)
    await until_asked(emulator, 5)
    await stop(later, other)
