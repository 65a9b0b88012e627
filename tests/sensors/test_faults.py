"""What goes wrong on the way is the same to every sensor in every mode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.airflow_compat import BEFORE_3_3
from tests.clients.clock import until
from tests.sensors.faults import LASTING, PASSING, Fault, struck
from tests.sensors.outcome import Ending, Outcome, failed, skipped, tried_again
from tests.sensors.running import MODES, run

if TYPE_CHECKING:
    from tests.sensors.conftest import Connect
    from tests.sensors.subjects import Office, Subject

every_mode = pytest.mark.parametrize("mode", MODES)
passing = pytest.mark.parametrize("fault", PASSING, ids=str)
lasting = pytest.mark.parametrize("fault", LASTING, ids=str)

# In a deferrable sensor the first failure is the worker's, and the triggerer counts its own.
LOOKS = dict.fromkeys(MODES, 2) | {"deferrable": 3, "deferrable, ended by the trigger": 3}
if BEFORE_3_3:
    LOOKS |= {"started in the triggerer": 3, "started and ended there": 3}

Said = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def said_first() -> Said:
    """Return what a task said of a fault in the first mode: it says the same in every other."""
    return {}


@every_mode
@passing
def test_a_failure_that_passes_is_borne(
    sensors_subject: Subject, mode: str, fault: Fault, office: Office, connect: Connect
) -> None:
    sensors_subject.come_true(office)
    connect(extra=dict(fault.extra))
    count = LOOKS[mode] - 1
    fault.strike(office.emulator, count=count)
    outcome = run(sensors_subject.sensor, mode, sensors_subject.arguments)
    assert outcome == Outcome(Ending.SUCCESS, sensors_subject.result)
    until(lambda: struck(office.emulator) == count, "all requests are through")


@every_mode
@passing
def test_a_failure_that_does_not_pass_is_not_borne_for_ever(
    sensors_subject: Subject,
    mode: str,
    fault: Fault,
    office: Office,
    connect: Connect,
    said_first: Said,
) -> None:
    connect(extra=dict(fault.extra))
    fault.strike(office.emulator)
    outcome = run(sensors_subject.sensor, mode, sensors_subject.arguments, max_poll_failures=1)
    assert outcome.message.startswith("2 polls in a row failed: ")
    assert fault.says in outcome.message
    assert replace(outcome, message="") == tried_again("")
    assert outcome.message == said_first.setdefault((sensors_subject.name, fault.name), outcome.message)
    until(lambda: struck(office.emulator) == LOOKS[mode], "all requests are through")


@every_mode
@lasting
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fails", "is skipped"])
def test_what_no_look_can_mend_ends_it_after_one_request(
    sensors_subject: Subject, mode: str, fault: Fault, soft_fail: bool, office: Office, said_first: Said
) -> None:
    fault.strike(office.emulator)
    outcome = run(sensors_subject.sensor, mode, sensors_subject.arguments, soft_fail=soft_fail)
    assert fault.says in outcome.message
    assert replace(outcome, message="") == (skipped if soft_fail else failed)("")
    assert outcome.message == said_first.setdefault((sensors_subject.name, fault.name), outcome.message)
    assert len(office.emulator.journal()) == 1
