"""The training gate as a sensor: rules and people are looked up once, certificates, and who is named."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import AddGroupMembers, CompleteLesson
from airflow_provider_damstra.sensors.training_gate import DamstraTrainingGateSensor
from tests.emulator.api_client import OWNER
from tests.sensors.background import after_requests
from tests.sensors.cases import HEIGHTS, LIAM, SCHEDULE, Damstra
from tests.sensors.outcome import TIMED_OUT, FinalState, Outcome, failed
from tests.sensors.task_runner import MODES, SensorTask, run

if TYPE_CHECKING:
    from pathlib import Path

OLIVIA, AMELIA, WAYNE = 1012, 1016, 1038
CREW_B = 103
RULES = [
    {"lessons": ["Working at Heights"], "groups": ["Pit Crew A", "Pit Crew B"], "valid_for": "12 months"}
]
LOOK_UPS = ("/lesson", "/group", "/user")
WORKER_MODES = [mode for mode in MODES if not mode.startswith("start_from_trigger")]
every_worker_mode = pytest.mark.parametrize("mode", WORKER_MODES)


def gate(mode: str, *user_ids: int, **arguments: Any) -> SensorTask:
    """Return a task that waits for Liam, or for some users."""
    given = {"user_ids": list(user_ids) or [LIAM], "requirements": RULES, **arguments}
    return SensorTask(DamstraTrainingGateSensor, {**MODES[mode], **given})


def paths(damstra: Damstra) -> list[str]:
    return [entry["path"] for entry in damstra.emulator.journal()]


@every_worker_mode
def test_rules_and_people_are_looked_up_once_for_all_polls(mode: str, damstra: Damstra) -> None:
    arguments = {"user_ids": None, "employee_numbers": "{{ crew }}", "requirements": "{{ rules }}"}
    task = gate(mode, **arguments)
    task.variables = {"crew": "E1011,E1016", "rules": json.dumps(RULES)}
    with after_requests(damstra.emulator, 25, damstra.complete_schedule):
        assert task.run_try() == Outcome(FinalState.SUCCESS, [LIAM, AMELIA])
    # Two employee numbers, and two pages of lessons, of which the last is empty.
    assert Counter(path for path in paths(damstra) if path in LOOK_UPS) == {
        "/user": 2,
        "/lesson": 2,
        "/group": 1,
    }
    # Amelia is trained from the first poll on; both are read before the first poll and at the end.
    assert paths(damstra).count(f"/user/{AMELIA}") == 2
    assert paths(damstra).count(f"/user/{LIAM}/lesson_schedule") > 4
    if mode != "reschedule":
        assert paths(damstra).count(f"/user/{AMELIA}/lesson_schedule") <= 4


def test_state_of_rescheduled_task_has_no_names_and_belongs_to_the_try(damstra: Damstra) -> None:
    task = gate("reschedule", timeout=0.2)
    assert task.run_try() == failed(TIMED_OUT)
    assert task.store
    assert "Murphy" not in json.dumps(task.store)
    assert any(key.endswith("_of_try_1") for key in task.store)
    look_ups = paths(damstra).count("/lesson")
    task.run_try()
    assert paths(damstra).count("/lesson") == 2 * look_ups


def test_start_in_triggerer_is_rejected_at_parse_time() -> None:
    with pytest.raises(ValueError, match=r"rules cannot be looked up in the triggerer: leave out start_from"):
        gate("start_from_trigger").parsed()


@every_worker_mode
def test_bad_rules_fail_before_the_first_request(mode: str, damstra: Damstra, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("- lessons: [Welding]\n")
    outcome = gate(mode, requirements=None, requirements_path=str(path)).run_try()
    assert outcome.state == FinalState.FAILED
    assert "requirements[0] (line 1): give exactly one of groups, roles, users, all" in outcome.message
    assert paths(damstra) == []


@every_worker_mode
def test_unknown_lesson_fails_with_its_position(mode: str, damstra: Damstra) -> None:
    outcome = gate(mode, requirements=[{"lessons": ["Working at Height"], "all": True}]).run_try()
    assert outcome.state == FinalState.FAILED
    assert (
        "requirements[0].lessons[0]: no lesson is named 'Working at Height'; did you mean" in outcome.message
    )


@every_worker_mode
def test_inactive_person_and_person_without_rule_fail_the_wait(mode: str, damstra: Damstra) -> None:
    others = gate(mode, LIAM, WAYNE, OWNER).run_try()
    assert others == failed(
        "The condition can no longer be met: Wayne Birch (E1038): inactive; "
        "Margaret Kelly (E1001): no requirement is for this person."
        " 0 of 3 people are trained, and at least 3 must be."
    )
    enough = gate(mode, LIAM, WAYNE, OWNER, threshold=0.3, timeout=0.2).run_try()
    assert enough == failed(TIMED_OUT)


@every_worker_mode
def test_person_without_rule_can_pass(mode: str, damstra: Damstra) -> None:
    outcome = gate(mode, OWNER, on_no_requirements="trained").run_try()
    assert outcome == Outcome(FinalState.SUCCESS, [OWNER])


@every_worker_mode
def test_failed_test_does_not_count_and_a_repeated_one_does(mode: str, damstra: Damstra) -> None:
    rules = [{**RULES[0], "require_passed": True}]
    damstra.emulator.complete_lesson_schedule(SCHEDULE, passed=False)
    outcome = gate(mode, requirements=rules, timeout=3).run_try()
    assert outcome == failed(TIMED_OUT)
    assert outcome.progress.endswith(
        "): Working at Heights missing (completed, but with a failed test; not scheduled)."
    )
    damstra.client.call(
        CompleteLesson(
            user_id=LIAM,
            lesson_id=HEIGHTS,
            completed_date=datetime.now(UTC) - timedelta(seconds=5),
            manually_completed_by_user_id=OWNER,
        )
    )
    assert gate(mode, requirements=rules).run_try() == Outcome(FinalState.SUCCESS, [LIAM])


@pytest.mark.needs_airflow("3.3")
def test_rescheduled_task_requests_a_certificate_once(damstra: Damstra) -> None:
    damstra.client.call(AddGroupMembers(group_id=CREW_B, user_ids=[LIAM]))
    damstra.complete_schedule()
    task = gate("reschedule", LIAM, OLIVIA, requirements=[{**RULES[0], "require_passed": True}])
    with after_requests(
        damstra.emulator, 30, lambda: damstra.emulator.complete_lesson_schedule(30041, passed=True)
    ):
        assert task.run_try() == Outcome(FinalState.SUCCESS, [LIAM, OLIVIA])
    assert task.workers > 2
    assert paths(damstra).count(f"/lesson_schedule/{SCHEDULE}/certificate") == 1


@every_worker_mode
def test_training_that_ends_before_the_given_time_does_not_count(mode: str, damstra: Damstra) -> None:
    damstra.complete_schedule()
    task = gate(mode, at="{{ first_day }}", timeout=0.5)
    task.variables = {"first_day": datetime.now(UTC) + timedelta(days=400)}
    outcome = task.run_try()
    assert outcome == failed(TIMED_OUT)
    assert "): Working at Heights expired (completed on " in outcome.progress
    task.variables = {"first_day": datetime.now(UTC) + timedelta(days=300)}
    assert task.run_try() == Outcome(FinalState.SUCCESS, [LIAM])


@every_worker_mode
def test_lesson_may_only_be_assigned_if_that_state_is_accepted(mode: str, damstra: Damstra) -> None:
    states = ["current", "expiring", "assigned"]
    assert gate(mode, accepted_states=states).run_try() == Outcome(FinalState.SUCCESS, [LIAM])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accepted_states": []}, "accepted_states lacks 'current'"),
        ({"accepted_states": ["assigned"]}, "accepted_states lacks 'current'"),
        ({"accepted_states": ["missing"]}, "accepted_states is "),
        ({"threshold": 0}, "threshold is 0; it can be a share above 0 and up to 1"),
        ({"time_zone": "Perth"}, "time_zone is 'Perth'; it must be an IANA time zone"),
        ({"on_no_requirements": "skip"}, "on_no_requirements is 'skip'; it can be untrained or trained"),
        ({"requirements_path": "rules.yaml"}, "give exactly one of requirements, requirements_path"),
        ({"employee_numbers": ["E1"]}, "give exactly one of user_ids, employee_numbers, email_addresses"),
    ],
)
def test_invalid_argument_is_rejected_at_parse_time(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        gate("poke", **changes).parsed()


@every_worker_mode
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user_ids": "{{ none }}"}, "user_ids"),
        ({"threshold": "{{ 7 }}"}, "threshold is 7.0"),
        ({"at": "{{ 'noon' }}"}, "at: "),
    ],
)
def test_invalid_rendered_argument_fails_without_retry(
    changes: dict[str, Any], message: str, mode: str, damstra: Damstra
) -> None:
    outcome = run(DamstraTrainingGateSensor, mode, {"user_ids": [LIAM], "requirements": RULES, **changes})
    assert (outcome.state, message in outcome.message) == (FinalState.FAILED, True)
