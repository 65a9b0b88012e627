"""Every sensor has the same outcome in every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from tests.sensors.background import after_requests
from tests.sensors.cases import HEIGHTS, LIAM, SCHEDULE, UNKNOWN_ID
from tests.sensors.outcome import TIMED_OUT, FinalState, Outcome, failed, skipped
from tests.sensors.task_runner import MODES, run

if TYPE_CHECKING:
    from tests.sensors.cases import Damstra, SensorCase

every_mode = pytest.mark.parametrize("mode", MODES)


@every_mode
def test_succeeds_when_condition_is_met(case: SensorCase, mode: str, damstra: Damstra) -> None:
    with after_requests(damstra.emulator, 5, lambda: case.meet(damstra)):
        outcome = run(case.sensor, mode, case.arguments)
    assert outcome == Outcome(FinalState.SUCCESS, case.result)


@every_mode
def test_succeeds_at_first_poll_if_condition_is_met(case: SensorCase, mode: str, damstra: Damstra) -> None:
    case.meet(damstra)
    outcome = run(case.sensor, mode, case.arguments, poke_interval=3600)
    assert outcome == Outcome(FinalState.SUCCESS, case.result)


@every_mode
def test_fails_at_first_poll_if_condition_has_failed(case: SensorCase, mode: str, damstra: Damstra) -> None:
    case.fail(damstra)
    outcome = run(case.sensor, mode, case.arguments, poke_interval=3600)
    assert outcome == failed(case.failure)


@every_mode
def test_soft_fail_skips_at_first_poll_if_condition_has_failed(
    sensor_case: SensorCase, mode: str, damstra: Damstra
) -> None:
    sensor_case.fail(damstra)
    outcome = run(sensor_case.sensor, mode, sensor_case.arguments, poke_interval=3600, soft_fail=True)
    assert outcome == skipped(sensor_case.failure)


@every_mode
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fail", "soft_fail"])
def test_fails_when_condition_fails(case: SensorCase, mode: str, soft_fail: bool, damstra: Damstra) -> None:
    with after_requests(damstra.emulator, 5, lambda: case.fail(damstra)):
        outcome = run(case.sensor, mode, case.arguments, soft_fail=soft_fail)
    assert outcome == (skipped if soft_fail else failed)(case.failure)


@every_mode
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fail", "soft_fail"])
def test_times_out(sensor_case: SensorCase, mode: str, soft_fail: bool) -> None:
    outcome = run(sensor_case.sensor, mode, sensor_case.arguments, soft_fail=soft_fail, timeout=0.05)
    assert outcome == (skipped if soft_fail else failed)(TIMED_OUT)


@pytest.mark.parametrize("mode", ["poke", "start_from_trigger"])
def test_timeout_names_what_is_open_for_each_condition(case: SensorCase, mode: str, damstra: Damstra) -> None:
    outcome = run(case.sensor, mode, case.arguments, timeout=2)
    assert outcome == failed(TIMED_OUT)
    assert outcome.progress == case.progress


@every_mode
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fail", "soft_fail"])
def test_timeout_names_who_and_what_is_open(mode: str, soft_fail: bool, damstra: Damstra) -> None:
    outcome = run(
        DamstraLessonScheduleSensor, mode, {"lesson_schedule_ids": [SCHEDULE]}, soft_fail=soft_fail, timeout=3
    )
    assert outcome == (skipped if soft_fail else failed)(TIMED_OUT)
    assert outcome.progress == (
        "0 of 1 lesson schedules completed (1 open). Open: lesson schedule "
        f"{SCHEDULE}: user {LIAM} Liam Murphy, lesson {HEIGHTS} Working at Heights (open)."
    )


@every_mode
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fail", "soft_fail"])
def test_missing_object_fails_at_first_poll(
    sensor_case: SensorCase, mode: str, soft_fail: bool, damstra: Damstra
) -> None:
    if sensor_case.missing is None:
        # The user sensor waits until the user exists.
        outcome = run(sensor_case.sensor, mode, sensor_case.arguments, soft_fail=soft_fail, timeout=0.05)
        assert outcome == (skipped if soft_fail else failed)(TIMED_OUT)
        return
    outcome = run(sensor_case.sensor, mode, sensor_case.missing, soft_fail=soft_fail, poke_interval=3600)
    assert outcome == (skipped if soft_fail else failed)(sensor_case.missing_failure)


@every_mode
@pytest.mark.parametrize("wait_for", ["all", "any", 0.5])
def test_first_poll_returns_all_completed_schedules(
    wait_for: str | float, mode: str, damstra: Damstra
) -> None:
    ids = [30001, 30002]  # Of two users.
    outcome = run(DamstraLessonScheduleSensor, mode, {"lesson_schedule_ids": ids, "wait_for": wait_for})
    assert outcome == Outcome(FinalState.SUCCESS, ids)


@every_mode
def test_first_poll_reports_all_failed_schedules(mode: str, damstra: Damstra) -> None:
    outcome = run(DamstraLessonScheduleSensor, mode, {"lesson_schedule_ids": [UNKNOWN_ID, UNKNOWN_ID + 1]})
    assert outcome == failed(
        f"The condition can no longer be met: lesson schedule {UNKNOWN_ID} is missing; "
        f"lesson schedule {UNKNOWN_ID + 1} is missing. 0 of 2 lesson schedules completed (2 missing)."
    )
