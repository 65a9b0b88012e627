"""Lessons completed with a failed test, or too long ago, in every mode."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import CompleteLesson
from tests.emulator.api_client import OWNER
from tests.sensors.background import after_requests
from tests.sensors.cases import CASES, HEIGHTS, LIAM, SCHEDULE
from tests.sensors.outcome import TIMED_OUT, FinalState, Outcome, failed
from tests.sensors.task_runner import MODES, SensorTask, run

if TYPE_CHECKING:
    from tests.sensors.cases import Damstra, SensorCase

LESSON_CASES = {case.name: case for case in CASES[:3]}
CERTIFICATE = f"/lesson_schedule/{SCHEDULE}/certificate"
every_mode = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(params=LESSON_CASES)
def lesson_case(request: pytest.FixtureRequest, damstra: Damstra) -> SensorCase:
    """Return a case of each sensor that waits for completed lessons, with its objects created."""
    case: SensorCase = LESSON_CASES[request.param]
    case.prepare(damstra)
    damstra.emulator.clear_journal()
    return case


def complete(damstra: Damstra, *, months_ago: int = 0) -> None:
    """Record that Liam completed the lesson at a time in the past."""
    date = datetime.now(UTC) - timedelta(days=31 * months_ago, minutes=1)
    damstra.client.call(
        CompleteLesson(
            user_id=LIAM, lesson_id=HEIGHTS, completed_date=date, manually_completed_by_user_id=OWNER
        )
    )


@every_mode
def test_failed_test_counts_by_default(lesson_case: SensorCase, mode: str, damstra: Damstra) -> None:
    damstra.emulator.complete_lesson_schedule(SCHEDULE, passed=False)
    outcome = run(lesson_case.sensor, mode, lesson_case.arguments)
    assert outcome == Outcome(FinalState.SUCCESS, lesson_case.result)
    assert damstra.emulator.journal(path="/lesson_schedule/*/certificate") == []


@every_mode
def test_failed_test_does_not_count_with_require_passed(
    lesson_case: SensorCase, mode: str, damstra: Damstra
) -> None:
    damstra.emulator.complete_lesson_schedule(SCHEDULE, passed=False)
    outcome = run(lesson_case.sensor, mode, {**lesson_case.arguments, "require_passed": True}, timeout=0.2)
    assert outcome == failed(TIMED_OUT)
    assert damstra.emulator.journal(path=CERTIFICATE)


@every_mode
def test_failed_test_fails_with_fail_on(lesson_case: SensorCase, mode: str, damstra: Damstra) -> None:
    arguments = {**lesson_case.arguments, "require_passed": True, "fail_on": ["not_passed"]}
    with after_requests(
        damstra.emulator, 5, lambda: damstra.emulator.complete_lesson_schedule(SCHEDULE, passed=False)
    ):
        outcome = run(lesson_case.sensor, mode, arguments)
    assert outcome.state == FinalState.FAILED
    assert "completed with a failed test" in outcome.message


@every_mode
def test_passed_test_counts_after_one_certificate_request(
    lesson_case: SensorCase, mode: str, damstra: Damstra
) -> None:
    with after_requests(damstra.emulator, 5, lambda: lesson_case.meet(damstra)):
        outcome = run(lesson_case.sensor, mode, {**lesson_case.arguments, "require_passed": True})
    assert outcome == Outcome(FinalState.SUCCESS, lesson_case.result)
    assert len(damstra.emulator.journal(path=CERTIFICATE)) == 1


@every_mode
def test_old_completion_does_not_count_with_valid_for(
    lesson_case: SensorCase, mode: str, damstra: Damstra
) -> None:
    complete(damstra, months_ago=13)
    assert run(lesson_case.sensor, mode, lesson_case.arguments).state == FinalState.SUCCESS
    changes: dict[str, Any] = {"valid_for": timedelta(days=390), "timeout": 0.2}
    outcome = run(lesson_case.sensor, mode, lesson_case.arguments, **changes)
    if "lesson_schedule_ids" not in lesson_case.arguments:
        assert outcome == failed(TIMED_OUT)
    else:
        assert outcome.state == FinalState.FAILED
        assert "is completed too long ago." in outcome.message


@every_mode
def test_new_schedule_counts_after_old_completion(mode: str, damstra: Damstra) -> None:
    case = LESSON_CASES["a user's lessons"]
    complete(damstra, months_ago=13)
    arguments = {**case.arguments, "require_passed": True, "valid_for": "{{ params.months }} months"}
    task = SensorTask(case.sensor, {**arguments, **MODES[mode]}, variables={"params": {"months": 12}})
    with after_requests(damstra.emulator, 5, lambda: complete(damstra)):
        assert task.run_try() == Outcome(FinalState.SUCCESS, case.result)


@every_mode
def test_invalid_rendered_duration_fails_without_request(mode: str, damstra: Damstra) -> None:
    case = LESSON_CASES["lesson schedules"]
    arguments = {**case.arguments, "valid_for": "{{ params.months }} months"}
    task = SensorTask(case.sensor, {**arguments, **MODES[mode]}, variables={"params": {"months": "many"}})
    outcome = task.run_try()
    assert outcome.state == FinalState.FAILED
    assert "valid_for is 'many months'" in outcome.message
    assert damstra.emulator.journal() == []


@pytest.mark.needs_airflow("3.3")
def test_rescheduled_task_keeps_passed_schedules_in_state(damstra: Damstra) -> None:
    other = 30041  # of another trainee
    case = LESSON_CASES["lesson schedules"]
    arguments = {"lesson_schedule_ids": [SCHEDULE, other], "require_passed": True, **MODES["reschedule"]}
    task = SensorTask(case.sensor, arguments)
    damstra.complete_schedule()
    with after_requests(
        damstra.emulator, 12, lambda: damstra.emulator.complete_lesson_schedule(other, passed=True)
    ):
        assert task.run_try() == Outcome(FinalState.SUCCESS, [SCHEDULE, other])
    assert task.workers > 2
    assert len(damstra.emulator.journal(path="/lesson_schedule/*/certificate")) == 2


@pytest.mark.parametrize("valid_for", ["", "12", "a year", 12, timedelta(0)])
def test_invalid_duration_is_rejected_at_parse_time(lesson_case: SensorCase, valid_for: Any) -> None:
    with pytest.raises(ValueError, match=r"^valid_for is .*; it is a timedelta, or text such as '12 months'"):
        lesson_case.sensor(task_id="wait", **lesson_case.arguments, valid_for=valid_for)
