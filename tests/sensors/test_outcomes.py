"""Every sensor ends alike in every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from tests.sensors.meanwhile import after_requests
from tests.sensors.outcome import TIME_IS_UP, Ending, Outcome, failed, skipped
from tests.sensors.running import MODES, run
from tests.sensors.subjects import UNKNOWN_ID

if TYPE_CHECKING:
    from tests.sensors.subjects import Office, Subject

every_mode = pytest.mark.parametrize("mode", MODES)


@every_mode
def test_it_ends_when_what_it_waits_for_happens(subject: Subject, mode: str, office: Office) -> None:
    with after_requests(office.emulator, 5, lambda: subject.come_true(office)):
        outcome = run(subject.sensor, mode, subject.arguments)
    assert outcome == Outcome(Ending.SUCCESS, subject.result)


@every_mode
def test_it_ends_at_the_first_look_if_it_has_happened(subject: Subject, mode: str, office: Office) -> None:
    subject.come_true(office)
    outcome = run(subject.sensor, mode, subject.arguments, poke_interval=3600)
    assert outcome == Outcome(Ending.SUCCESS, subject.result)


@every_mode
def test_it_fails_at_the_first_look_if_it_can_never_be(subject: Subject, mode: str, office: Office) -> None:
    subject.turn_bad(office)
    outcome = run(subject.sensor, mode, subject.arguments, poke_interval=3600)
    assert outcome == failed(subject.why_not)


@every_mode
def test_it_is_skipped_at_the_first_look_if_it_is_to_fail_softly(
    sensors_subject: Subject, mode: str, office: Office
) -> None:
    sensors_subject.turn_bad(office)
    outcome = run(sensors_subject.sensor, mode, sensors_subject.arguments, poke_interval=3600, soft_fail=True)
    assert outcome == skipped(sensors_subject.why_not)


@every_mode
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fails", "is skipped"])
def test_it_ends_when_it_becomes_impossible(
    subject: Subject, mode: str, soft_fail: bool, office: Office
) -> None:
    with after_requests(office.emulator, 5, lambda: subject.turn_bad(office)):
        outcome = run(subject.sensor, mode, subject.arguments, soft_fail=soft_fail)
    assert outcome == (skipped if soft_fail else failed)(subject.why_not)


@every_mode
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fails", "is skipped"])
def test_it_ends_when_its_time_is_up(sensors_subject: Subject, mode: str, soft_fail: bool) -> None:
    outcome = run(sensors_subject.sensor, mode, sensors_subject.arguments, soft_fail=soft_fail, timeout=0.05)
    assert outcome == (skipped if soft_fail else failed)(TIME_IS_UP)


@every_mode
@pytest.mark.parametrize("soft_fail", [False, True], ids=["fails", "is skipped"])
def test_what_does_not_exist_is_not_waited_for(
    sensors_subject: Subject, mode: str, soft_fail: bool, office: Office
) -> None:
    if sensors_subject.unknown is None:
        # A user who is not there yet is what the sensor for users waits for.
        outcome = run(
            sensors_subject.sensor, mode, sensors_subject.arguments, soft_fail=soft_fail, timeout=0.05
        )
        assert outcome == (skipped if soft_fail else failed)(TIME_IS_UP)
        return
    outcome = run(
        sensors_subject.sensor, mode, sensors_subject.unknown, soft_fail=soft_fail, poke_interval=3600
    )
    assert outcome == (skipped if soft_fail else failed)(sensors_subject.who)


@every_mode
@pytest.mark.parametrize("wait_for", ["all", "any", 0.5])
def test_the_first_look_sees_all_that_is_completed(wait_for: str | float, mode: str, office: Office) -> None:
    ids = [30001, 30002]  # Of two users.
    outcome = run(DamstraLessonScheduleSensor, mode, {"lesson_schedule_ids": ids, "wait_for": wait_for})
    assert outcome == Outcome(Ending.SUCCESS, ids)


@every_mode
def test_the_first_look_sees_all_that_is_lost(mode: str, office: Office) -> None:
    outcome = run(DamstraLessonScheduleSensor, mode, {"lesson_schedule_ids": [UNKNOWN_ID, UNKNOWN_ID + 1]})
    assert outcome == failed(
        f"The condition can no longer be met: lesson schedule {UNKNOWN_ID} is gone; "
        f"lesson schedule {UNKNOWN_ID + 1} is gone. 0 of 2 lesson schedules completed (2 gone)."
    )
