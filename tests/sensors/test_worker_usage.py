"""The number of worker processes that a task takes in each mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.airflow_compat import BEFORE_3_3
from tests.sensors.background import after_requests
from tests.sensors.cases import CASES, SCHEDULE
from tests.sensors.outcome import TIMED_OUT, FinalState, Outcome, failed, skipped
from tests.sensors.task_runner import MODES, SensorTask

if TYPE_CHECKING:
    from tests.sensors.cases import Damstra

CASE = CASES[0]
# For success after several polls; and at the first poll for success, skip, and failure.
WORKERS = {
    "deferrable": (2, 1, 1, 1),
    "deferrable, end_from_trigger": (1, 1, 1, 1),
    "start_from_trigger": (1, 1, 1, 1),
    "start_from_trigger, end_from_trigger": (0, 0, 0, 1),
}
if BEFORE_3_3:
    WORKERS = dict.fromkeys(WORKERS, WORKERS["deferrable"])
in_triggerer = pytest.mark.parametrize("mode", WORKERS)


def task(mode: str, **changes: object) -> SensorTask:
    """Return a task of a sensor that polls once an hour."""
    return SensorTask(CASE.sensor, {**CASE.arguments, **MODES[mode], "poke_interval": 3600, **changes})


@in_triggerer
def test_waiting_needs_no_worker(mode: str, damstra: Damstra) -> None:
    sensor_task = task(mode, poke_interval=0.01)
    with after_requests(damstra.emulator, 5, lambda: CASE.meet(damstra)):
        assert sensor_task.run_try() == Outcome(FinalState.SUCCESS, CASE.result)
    assert sensor_task.workers == WORKERS[mode][0]


@in_triggerer
def test_met_condition_needs_no_further_worker(mode: str, damstra: Damstra) -> None:
    CASE.meet(damstra)
    sensor_task = task(mode)
    assert sensor_task.run_try() == Outcome(FinalState.SUCCESS, CASE.result)
    assert sensor_task.workers == WORKERS[mode][1]


@in_triggerer
def test_skip_needs_no_further_worker(mode: str, damstra: Damstra) -> None:
    CASE.fail(damstra)
    sensor_task = task(mode, soft_fail=True)
    assert sensor_task.run_try() == skipped(CASE.failure)
    assert sensor_task.workers == WORKERS[mode][2]


@in_triggerer
def test_failure_is_reported_by_worker(mode: str, damstra: Damstra) -> None:
    CASE.fail(damstra)
    sensor_task = task(mode)
    assert sensor_task.run_try() == failed(CASE.failure)
    assert sensor_task.workers == WORKERS[mode][3]


def test_result_for_mapped_task_is_returned_by_worker(
    damstra: Damstra,
) -> None:
    CASE.meet(damstra)
    sensor_task = task("start_from_trigger, end_from_trigger")
    sensor_task.is_mapped_over = True
    assert sensor_task.run_try() == Outcome(FinalState.SUCCESS, CASE.result)
    assert sensor_task.workers == 1


@pytest.mark.needs_airflow("3.3")
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fail", "soft_fail"])
def test_timeout_in_triggerer_needs_a_worker_only_to_fail(soft_fail: bool, damstra: Damstra) -> None:
    sensor_task = task("start_from_trigger, end_from_trigger", timeout=0.05, soft_fail=soft_fail)
    assert sensor_task.run_try() == (skipped if soft_fail else failed)(TIMED_OUT)
    assert sensor_task.workers == (0 if soft_fail else 1)


@pytest.mark.parametrize("has_store", [True, False], ids=["state store", "before Airflow 3.3"])
def test_rescheduled_task_looks_up_users_once_with_state_store(has_store: bool, damstra: Damstra) -> None:
    sensor_task = SensorTask(CASE.sensor, {**CASE.arguments, **MODES["reschedule"]})
    if not has_store:
        sensor_task.store = None
    with after_requests(damstra.emulator, 6, lambda: CASE.meet(damstra)):
        assert sensor_task.run_try() == Outcome(FinalState.SUCCESS, CASE.result)
    single_queries = damstra.emulator.journal(path=f"/lesson_schedule/{SCHEDULE}")
    assert len(single_queries) == (1 if has_store else sensor_task.workers)
    assert sensor_task.workers > 2
