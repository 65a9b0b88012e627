"""The log of a wait on a worker: people, lessons, times, and a closing line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from tests.sensors.background import after_requests
from tests.sensors.cases import SCHEDULE
from tests.sensors.task_runner import run

if TYPE_CHECKING:
    from tests.sensors.cases import Damstra

pytestmark = pytest.mark.needs_airflow("3.1")  # before it, tasks log through logging
ARGUMENTS: dict[str, Any] = {"lesson_schedule_ids": [SCHEDULE]}
OPEN = f"Open: lesson schedule {SCHEDULE}: user 1011 Liam Murphy, lesson 202 Working at Heights (open)."
PROGRESS = "0 of 1 lesson schedules completed (1 open)."
END = "The wait has ended: 1 of 1 lesson schedules completed."
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


def logged(mode: str, damstra: Damstra) -> list[str]:
    """Return the lines of the workers in a wait of several polls."""
    with capture_logs() as entries, after_requests(damstra.emulator, 6, damstra.complete_schedule):
        run(DamstraLessonScheduleSensor, mode, ARGUMENTS)
    return [str(entry["event"]) for entry in entries]


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_worker_logs_who_is_open_next_poll_deadline_and_end(mode: str, damstra: Damstra) -> None:
    first, times, *others = logged(mode, damstra)
    assert first == f"{PROGRESS} {OPEN}"
    assert re.fullmatch(f"Next poll at {TIME}, deadline at {TIME}\\.", times)
    assert END in others
    # A process that polls several times does not repeat who is open.
    assert all((OPEN in line) == (mode == "reschedule") for line in others if line.startswith(PROGRESS))


def test_deferred_sensor_logs_who_is_open_deadline_and_result(damstra: Damstra) -> None:
    first, deferred, *_, end = logged("deferrable", damstra)
    assert first == f"{PROGRESS} {OPEN}"
    assert re.fullmatch(rf"The wait continues in the triggerer\. Deadline at {TIME}\.", deferred)
    assert end == f"The wait has ended with the result [{SCHEDULE}]."
