"""Schedules with dates at the ends of the range of ``datetime`` affect neither waits nor other users."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.assets import SCHEDULE_COMPLETED
from airflow_provider_damstra.endpoints import AddGroupMembers
from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from tests.polling.helpers import THIRD, wait_for_requests
from tests.sensors.cases import HEIGHTS, LIAM, NEW_GROUP, SCHEDULE
from tests.sensors.outcome import FinalState, Outcome
from tests.sensors.task_runner import MODES, run
from tests.triggers.helpers import event_trigger, running_trigger
from tests.waiting import wait_until_async

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.sensors.cases import Damstra

OTHER = 1012
OUT_OF_RANGE = ["0001-01-01T00:00:00.000+0800", "9999-12-31T23:59:59.000-0500"]
out_of_range = pytest.mark.parametrize("date", OUT_OF_RANGE)


def list_schedule(emulator: DamstraEmulator, schedule_id: int, *, user: int, date: str, status: str) -> None:
    """Let the emulator list one schedule of a user, with this start date."""
    row = {"id": schedule_id, "userId": user, "lessonId": HEIGHTS, "status": status, "startDate": date}
    body: dict[str, Any] = {"results": [row], "meta": {"totalResultCount": 1}}
    emulator.add_fault("status", status=200, body=body, path=f"/user/{user}/lesson_schedule")


@out_of_range
@pytest.mark.parametrize("mode", MODES)
def test_date_of_one_member_does_not_end_wait_of_group(date: str, mode: str, damstra: Damstra) -> None:
    damstra.create_group()
    damstra.client.call(AddGroupMembers(group_id=NEW_GROUP, user_ids=OTHER))
    damstra.complete_schedule()
    list_schedule(damstra.emulator, 1, user=OTHER, date=date, status="completed")
    outcome = run(DamstraGroupLessonSensor, mode, {"group_id": NEW_GROUP, "lesson_id": HEIGHTS})
    assert outcome == Outcome(FinalState.SUCCESS, [LIAM, OTHER])


@pytest.mark.parametrize("mode", MODES)
def test_schedule_that_started_in_first_year_is_polled(mode: str, damstra: Damstra) -> None:
    list_schedule(damstra.emulator, SCHEDULE, user=LIAM, date=OUT_OF_RANGE[0], status="completed")
    outcome = run(DamstraLessonScheduleSensor, mode, {"lesson_schedule_ids": [SCHEDULE]})
    assert outcome == Outcome(FinalState.SUCCESS, [SCHEDULE])


@out_of_range
@pytest.mark.usefixtures("connect")
async def test_date_of_one_user_does_not_stop_event_trigger(
    date: str, damstra_emulator: DamstraEmulator
) -> None:
    list_schedule(damstra_emulator, 1, user=OTHER, date=date, status="due")
    async with running_trigger(event_trigger(user_ids=[OTHER, LIAM])) as events:
        await wait_for_requests(damstra_emulator, 3)
        await asyncio.to_thread(damstra_emulator.complete_lesson_schedule, THIRD)
        await wait_until_async(lambda: bool(events), "the completion of the other user")
        assert events == [(SCHEDULE_COMPLETED, THIRD)]
