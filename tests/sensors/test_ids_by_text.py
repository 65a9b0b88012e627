"""Sensors for users by employee number or e-mail address, and for lessons by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.lesson_schedule import DamstraUserLessonsSensor
from tests.sensors.background import after_requests
from tests.sensors.cases import HEIGHTS, LIAM, NEW_GROUP, Damstra
from tests.sensors.outcome import TIMED_OUT, FinalState, Outcome, failed, skipped, up_for_retry
from tests.sensors.task_runner import MODES, SensorTask, run

if TYPE_CHECKING:
    from airflow_provider_damstra.sensors.base import DamstraSensor

WORKER_MODES = [mode for mode in MODES if not mode.startswith("start_from_trigger")]
every_worker_mode = pytest.mark.parametrize("mode", WORKER_MODES)
BY_NUMBER = {"employee_number": " e1011 ", "lesson_names": ["working at heights "]}
BY_TEXT: list[tuple[type[DamstraSensor], dict[str, Any], list[int]]] = [
    (DamstraUserLessonsSensor, BY_NUMBER, [HEIGHTS]),
    (DamstraUserLessonsSensor, {"email_address": "{{ mail }}", "lesson_names": "{{ lessons }}"}, [HEIGHTS]),
    (DamstraUserLessonsSensor, {"user_id": LIAM, "lesson_names": "Working at Heights"}, [HEIGHTS]),
    (DamstraGroupLessonSensor, {"group_id": NEW_GROUP, "lesson_name": "Working at Heights"}, [LIAM]),
]
VARIABLES = {"mail": "Liam.Murphy@example.com", "lessons": ["Working at Heights"]}
LOOK_UPS = ("/user", "/lesson")


def look_ups(damstra: Damstra) -> int:
    """Return the number of requests that look up users and lessons."""
    return sum(entry["path"] in LOOK_UPS for entry in damstra.emulator.journal())


def task(mode: str, **changes: Any) -> SensorTask:
    """Return a task of a sensor for one user and lesson."""
    return SensorTask(DamstraUserLessonsSensor, {**BY_NUMBER, **MODES[mode], **changes})


@every_worker_mode
@pytest.mark.parametrize(("sensor", "arguments", "result"), BY_TEXT)
def test_texts_are_looked_up_once_for_all_polls(
    sensor: type[DamstraSensor], arguments: dict[str, Any], result: list[int], mode: str, damstra: Damstra
) -> None:
    damstra.create_group()
    damstra.emulator.clear_journal()
    sensor_task = SensorTask(sensor, {**arguments, **MODES[mode]}, VARIABLES)
    with after_requests(damstra.emulator, 9, damstra.complete_schedule):
        assert sensor_task.run_try() == Outcome(FinalState.SUCCESS, result)
    # Each text is searched once; then one of another spelling is found in the listing.
    assert look_ups(damstra) <= 4
    polls = [entry["time"] for entry in damstra.emulator.journal() if entry["path"] not in LOOK_UPS]
    assert len(polls) >= 4


@every_worker_mode
def test_all_unknown_texts_fail_the_task_immediately(mode: str, damstra: Damstra) -> None:
    arguments = {"employee_number": "X1", "lesson_names": ["Welding", "Working at Heights", "Rigging"]}
    why = (
        "No user has the employee number 'X1'. No lesson is named 'Welding', 'Rigging'. Nothing was changed."
    )
    assert run(DamstraUserLessonsSensor, mode, arguments) == failed(why)
    assert run(DamstraUserLessonsSensor, mode, arguments, soft_fail=True) == skipped(why)


@every_worker_mode
@pytest.mark.parametrize("require_passed", [False, True], ids=["completed", "passed"])
def test_failed_look_up_is_a_tolerated_poll(require_passed: bool, mode: str, damstra: Damstra) -> None:
    damstra.complete_schedule()
    damstra.emulator.add_fault("status", status=503, path="/lesson", count=2)
    sensor_task = task(mode, max_poll_failures=2, require_passed=require_passed)
    assert sensor_task.run_try() == Outcome(FinalState.SUCCESS, [HEIGHTS])


@every_worker_mode
def test_look_up_that_fails_too_often_fails_the_try(mode: str, damstra: Damstra) -> None:
    damstra.emulator.add_fault("status", status=503, path="/lesson")
    outcome = task(mode, max_poll_failures=1).run_try()
    assert outcome.state == FinalState.UP_FOR_RETRY
    assert outcome == up_for_retry(outcome.message)
    assert outcome.message.startswith("2 consecutive polls failed: ListLessons ")


@every_worker_mode
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fail", "soft_fail"])
def test_look_up_that_fails_until_the_timeout_times_out(soft_fail: bool, mode: str, damstra: Damstra) -> None:
    damstra.emulator.add_fault("status", status=503, path="/lesson")
    limits = {"timeout": 0.2, "max_poll_failures": 10_000, "soft_fail": soft_fail}
    assert task(mode, **limits).run_try() == (skipped if soft_fail else failed)(TIMED_OUT)


def test_rescheduled_task_looks_up_changed_texts_again(damstra: Damstra) -> None:
    damstra.complete_schedule()
    sensor_task = task("reschedule")
    assert sensor_task.run_try() == Outcome(FinalState.SUCCESS, [HEIGHTS])
    sensor_task.arguments = {**sensor_task.arguments, "lesson_names": ["Site Induction"]}
    assert sensor_task.run_try() == Outcome(FinalState.SUCCESS, [201])


@pytest.mark.parametrize(
    ("sensor", "arguments", "why"),
    [
        (
            DamstraUserLessonsSensor,
            BY_NUMBER,
            "employee_number, lesson_names cannot be looked up in the trig",
        ),
        (DamstraGroupLessonSensor, {"group_id": 1, "lesson_name": "A"}, "leave out start_from_trigger, or g"),
    ],
)
def test_start_from_trigger_needs_ids(
    sensor: type[DamstraSensor], arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        sensor(task_id="wait", start_from_trigger=True, **arguments)


@pytest.mark.parametrize(
    ("sensor", "arguments", "why"),
    [
        (DamstraUserLessonsSensor, {"lesson_ids": 1}, "user_id, employee_number, email_address; given: none"),
        (DamstraUserLessonsSensor, {**BY_NUMBER, "user_id": 7}, "given: user_id, employee_number"),
        (
            DamstraUserLessonsSensor,
            {"user_id": 7},
            "give exactly one of lesson_ids, lesson_names; given: non",
        ),
        (DamstraUserLessonsSensor, {**BY_NUMBER, "lesson_ids": 1}, "given: lesson_ids, lesson_names"),
        (
            DamstraGroupLessonSensor,
            {"group_id": 1},
            "give exactly one of lesson_id, lesson_name; given: none",
        ),
    ],
)
def test_exactly_one_form_is_required(
    sensor: type[DamstraSensor], arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        sensor(task_id="wait", **arguments)
