"""Faults of requests have the same effect on every sensor in every mode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.airflow_compat import BEFORE_3_3
from tests.sensors.faults import PERMANENT, TRANSIENT, Fault, fault_count
from tests.sensors.outcome import FinalState, Outcome, failed, skipped, up_for_retry
from tests.sensors.task_runner import MODES, run
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.sensors.cases import Damstra, SensorCase
    from tests.sensors.conftest import Connect

every_mode = pytest.mark.parametrize("mode", MODES)
transient = pytest.mark.parametrize("fault", TRANSIENT, ids=str)
permanent = pytest.mark.parametrize("fault", PERMANENT, ids=str)

# A deferrable sensor polls once on a worker; the triggerer counts from zero.
POLLS = dict.fromkeys(MODES, 2) | {"deferrable": 3, "deferrable, end_from_trigger": 3}
if BEFORE_3_3:
    POLLS |= {"start_from_trigger": 3, "start_from_trigger, end_from_trigger": 3}


def polls(case: SensorCase, mode: str) -> int:
    """Return how many polls fail with one tolerated failure."""
    # What only a worker can look up is looked up there until the try fails.
    return POLLS[mode] if case.starts_in_triggerer else 2


Messages = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def first_messages() -> Messages:
    """Return the messages of each fault in the first mode, to compare those of the others with."""
    return {}


@every_mode
@transient
def test_transient_error_is_tolerated(
    sensor_case: SensorCase, mode: str, fault: Fault, damstra: Damstra, connect: Connect
) -> None:
    sensor_case.meet(damstra)
    connect(extra=dict(fault.extra))
    count = polls(sensor_case, mode) - 1
    fault.add(damstra.emulator, count=count)
    outcome = run(sensor_case.sensor, mode, sensor_case.arguments)
    assert outcome == Outcome(FinalState.SUCCESS, sensor_case.result)
    wait_until(lambda: fault_count(damstra.emulator) == count, "all requests to be handled")


@every_mode
@transient
def test_repeated_transient_error_fails_try(
    sensor_case: SensorCase,
    mode: str,
    fault: Fault,
    damstra: Damstra,
    connect: Connect,
    first_messages: Messages,
) -> None:
    connect(extra=dict(fault.extra))
    fault.add(damstra.emulator)
    outcome = run(sensor_case.sensor, mode, sensor_case.arguments, max_poll_failures=1)
    assert outcome.message.startswith("2 consecutive polls failed: ")
    assert fault.message in outcome.message
    assert replace(outcome, message="") == up_for_retry("")
    assert outcome.message == first_messages.setdefault((sensor_case.name, fault.name), outcome.message)
    wait_until(
        lambda: fault_count(damstra.emulator) == polls(sensor_case, mode), "all requests to be handled"
    )


@every_mode
@permanent
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fail", "soft_fail"])
def test_permanent_error_fails_after_one_request(
    sensor_case: SensorCase,
    mode: str,
    fault: Fault,
    soft_fail: bool,
    damstra: Damstra,
    first_messages: Messages,
) -> None:
    fault.add(damstra.emulator)
    outcome = run(sensor_case.sensor, mode, sensor_case.arguments, soft_fail=soft_fail)
    assert fault.message in outcome.message
    assert replace(outcome, message="") == (skipped if soft_fail else failed)("")
    assert outcome.message == first_messages.setdefault((sensor_case.name, fault.name), outcome.message)
    assert len(damstra.emulator.journal()) == 1
