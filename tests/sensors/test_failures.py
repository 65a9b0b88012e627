"""What fails a sensor besides an answer: the connection, its arguments, and how often looks may fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.ilt_session import DamstraIltSessionSensor
from airflow_provider_damstra.sensors.lesson_schedule import (
    DamstraLessonScheduleSensor,
    DamstraUserLessonsSensor,
)
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from tests.sensors.outcome import TIME_IS_UP, Ending, Outcome, failed, skipped
from tests.sensors.running import MODES, Task, run
from tests.sensors.subjects import NEW_NUMBER, SCHEDULE

if TYPE_CHECKING:
    from airflow_provider_damstra.sensors.base import DamstraSensor
    from tests.sensors.conftest import Connect
    from tests.sensors.subjects import Office

every_mode = pytest.mark.parametrize("mode", MODES)
soft_or_not = pytest.mark.parametrize("soft_fail", [False, True], ids=["fails", "is skipped"])


@every_mode
@soft_or_not
def test_a_wrong_key_ends_it_after_one_request(
    mode: str, soft_fail: bool, office: Office, connect: Connect
) -> None:
    connect(password="no-such-key")
    outcome = run(DamstraUserSensor, mode, {"emp_id": NEW_NUMBER}, soft_fail=soft_fail)
    assert outcome == (skipped if soft_fail else failed)(outcome.message)
    assert "Check the connection's access key" in outcome.message
    assert [entry["status"] for entry in office.emulator.journal()] == [403]


@every_mode
@soft_or_not
def test_a_connection_that_is_not_filled_in_right_ends_it_before_any_request(
    mode: str, soft_fail: bool, office: Office, connect: Connect
) -> None:
    connect(extra={"timeout": "soon"})
    outcome = run(DamstraUserSensor, mode, {"emp_id": NEW_NUMBER}, soft_fail=soft_fail)
    assert outcome == (skipped if soft_fail else failed)(outcome.message)
    assert outcome.message.startswith("Connection 'damstra_default' cannot be used: timeout: ")
    assert office.emulator.journal() == []


@every_mode
@soft_or_not
def test_a_connection_that_is_not_there_can_be_made_before_the_next_try(
    mode: str, soft_fail: bool, office: Office
) -> None:
    arguments = {"emp_id": NEW_NUMBER, "damstra_conn_id": "nowhere"}
    outcome = run(DamstraUserSensor, mode, arguments, soft_fail=soft_fail)
    assert outcome.ending == Ending.TRIED_AGAIN
    assert "nowhere" in outcome.message


@every_mode
@soft_or_not
@pytest.mark.parametrize("ids", [None, "", "None", [], "soon", [0], {"user_id": 7}, "{7", [1, 1]], ids=repr)
def test_ids_that_a_template_rendered_wrong_end_it_before_any_request(
    mode: str, soft_fail: bool, ids: Any, office: Office
) -> None:
    task = Task(
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": ids, "soft_fail": soft_fail, **MODES[mode]},
    )
    outcome = task.attempt()
    assert outcome == (skipped if soft_fail else failed)(outcome.message)
    assert outcome.message.removeprefix("LessonScheduleCondition has invalid arguments: ").startswith(
        "lesson_schedule_ids"
    )
    assert "\n" not in outcome.message
    assert office.emulator.journal() == []


NUMBER = "Input should be a valid integer, unable to parse string as an integer"


@every_mode
@pytest.mark.parametrize(
    ("sensor", "arguments", "why"),
    [
        (
            DamstraUserLessonsSensor,
            {"user_id": "x", "lesson_ids": [7, 7]},
            f"UserLessonsCondition has invalid arguments: user_id: {NUMBER}; "
            "lesson_ids: named more than once: 7",
        ),
        (
            DamstraGroupLessonSensor,
            {"group_id": "x", "lesson_id": "y"},
            f"GroupLessonCondition has invalid arguments: group_id: {NUMBER}; lesson_id: {NUMBER}",
        ),
        (
            DamstraIltSessionSensor,
            {"ilt_session_id": "x", "state": "past"},
            f"IltSessionCondition has invalid arguments: ilt_session_id: {NUMBER}",
        ),
        (
            DamstraUserSensor,
            {"emp_id": " "},
            "both emp_id and email_address are empty, so there is no user to wait for",
        ),
    ],
)
def test_all_that_is_wrong_is_said_at_once_before_any_request(
    sensor: type[DamstraSensor], arguments: dict[str, Any], why: str, mode: str, office: Office
) -> None:
    assert Task(sensor, {**arguments, **MODES[mode]}).attempt() == failed(why)
    assert office.emulator.journal() == []


@every_mode
def test_failures_that_do_not_follow_each_other_are_not_added_up(mode: str, office: Office) -> None:
    # Each third look fails, and only one may.
    office.emulator.add_fault("status", status=503, probability=0.3, seed=3)
    outcome = run(DamstraUserSensor, mode, {"emp_id": NEW_NUMBER}, max_poll_failures=3, timeout=0.4)
    assert outcome == failed(TIME_IS_UP)


@every_mode
def test_each_try_may_fail_as_often_as_the_first(mode: str, office: Office) -> None:
    task = Task(
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": SCHEDULE, "max_poll_failures": 2, **MODES[mode]},
    )
    office.emulator.add_fault("status", status=503)
    first = task.attempt()
    assert (first.ending, first.message[:10]) == (Ending.TRIED_AGAIN, "3 polls in")
    office.complete_the_schedule()
    office.emulator.clear_faults()
    office.emulator.add_fault("status", status=503, count=2)
    assert task.attempt() == Outcome(Ending.SUCCESS, [SCHEDULE])


@every_mode
def test_no_interval_between_looks_is_allowed(mode: str, office: Office) -> None:
    office.emulator.add_fault("status", status=503, count=1)
    outcome = run(DamstraUserSensor, mode, {"emp_id": NEW_NUMBER}, poke_interval=0, timeout=0.3)
    assert outcome == failed(TIME_IS_UP)
    assert len(office.emulator.journal()) > 2


@every_mode
def test_never_fail_is_airflows(mode: str, office: Office) -> None:
    office.cancel_the_schedule()
    outcome = run(
        DamstraLessonScheduleSensor,
        mode,
        {"lesson_schedule_ids": SCHEDULE},
        never_fail=True,
        poke_interval=3600,
    )
    assert outcome.ending == Ending.SKIPPED
