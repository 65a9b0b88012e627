"""Failures of sensors: the connection, the arguments, and the number of failed polls."""

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
from tests.sensors.cases import NEW_NUMBER, SCHEDULE
from tests.sensors.outcome import TIMED_OUT, FinalState, Outcome, failed, skipped
from tests.sensors.task_runner import MODES, SensorTask, run

if TYPE_CHECKING:
    from airflow_provider_damstra.sensors.base import DamstraSensor
    from tests.sensors.cases import Damstra
    from tests.sensors.conftest import Connect

every_mode = pytest.mark.parametrize("mode", MODES)
with_and_without_soft_fail = pytest.mark.parametrize("soft_fail", [False, True], ids=["fail", "soft_fail"])


@every_mode
@with_and_without_soft_fail
def test_wrong_key_fails_after_one_request(
    mode: str, soft_fail: bool, damstra: Damstra, connect: Connect
) -> None:
    connect(password="no-such-key")
    outcome = run(DamstraUserSensor, mode, {"emp_id": NEW_NUMBER}, soft_fail=soft_fail)
    assert outcome == (skipped if soft_fail else failed)(outcome.message)
    assert "Check the connection's access key" in outcome.message
    assert [entry["status"] for entry in damstra.emulator.journal()] == [403]


@every_mode
@with_and_without_soft_fail
def test_invalid_connection_fails_without_request(
    mode: str, soft_fail: bool, damstra: Damstra, connect: Connect
) -> None:
    connect(extra={"timeout": "soon"})
    outcome = run(DamstraUserSensor, mode, {"emp_id": NEW_NUMBER}, soft_fail=soft_fail)
    assert outcome == (skipped if soft_fail else failed)(outcome.message)
    assert outcome.message.startswith("Connection 'damstra_default' cannot be used: timeout: ")
    assert damstra.emulator.journal() == []


@every_mode
@with_and_without_soft_fail
def test_missing_connection_is_retried(mode: str, soft_fail: bool, damstra: Damstra) -> None:
    arguments = {"emp_id": NEW_NUMBER, "damstra_conn_id": "nowhere"}
    outcome = run(DamstraUserSensor, mode, arguments, soft_fail=soft_fail)
    assert outcome.state == FinalState.UP_FOR_RETRY
    assert "nowhere" in outcome.message


@every_mode
@with_and_without_soft_fail
@pytest.mark.parametrize("ids", [None, "", "None", [], "soon", [0], {"user_id": 7}, "{7", [1, 1]], ids=repr)
def test_invalid_rendered_ids_fail_without_request(
    mode: str, soft_fail: bool, ids: Any, damstra: Damstra
) -> None:
    task = SensorTask(
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": ids, "soft_fail": soft_fail, **MODES[mode]},
    )
    outcome = task.run_try()
    assert outcome == (skipped if soft_fail else failed)(outcome.message)
    assert outcome.message.removeprefix("Invalid arguments: ").startswith("lesson_schedule_ids")
    assert "\n" not in outcome.message
    assert damstra.emulator.journal() == []


NUMBER = "Input should be a valid integer, unable to parse string as an integer"


@every_mode
@pytest.mark.parametrize(
    ("sensor", "arguments", "message"),
    [
        (
            DamstraUserLessonsSensor,
            {"user_id": "x", "lesson_ids": [7, 7]},
            f"Invalid arguments: user_id: {NUMBER}; lesson_ids: duplicate values: 7. user_id takes ids; "
            "operators and sensors take other texts as employee_number or email_address",
        ),
        (
            DamstraGroupLessonSensor,
            {"group_id": "x", "lesson_id": "y"},
            f"Invalid arguments: group_id: {NUMBER}; lesson_id: {NUMBER}. group_id takes ids, not names: "
            "DamstraHook().iterate(ListGroups(q='...')) finds a group by its name, and "
            "DamstraCreateGroupOperator returns the id of a group that exists. lesson_id takes ids; "
            "operators and sensors take other texts as lesson_name",
        ),
        (
            DamstraIltSessionSensor,
            {"ilt_session_id": "x", "state": "past"},
            f"Invalid arguments: ilt_session_id: {NUMBER}",
        ),
        (
            DamstraUserSensor,
            {"emp_id": " "},
            "both emp_id and email_address are empty, so there is no user to wait for",
        ),
    ],
)
def test_all_invalid_arguments_are_reported_without_request(
    sensor: type[DamstraSensor], arguments: dict[str, Any], message: str, mode: str, damstra: Damstra
) -> None:
    assert SensorTask(sensor, {**arguments, **MODES[mode]}).run_try() == failed(message)
    assert damstra.emulator.journal() == []


@every_mode
def test_failures_that_are_not_consecutive_are_tolerated(mode: str, damstra: Damstra) -> None:
    # Every third poll fails.
    damstra.emulator.add_fault("status", status=503, probability=0.3, seed=3)
    outcome = run(DamstraUserSensor, mode, {"emp_id": NEW_NUMBER}, max_poll_failures=3, timeout=0.4)
    assert outcome == failed(TIMED_OUT)


@every_mode
def test_count_of_failed_polls_starts_at_zero_in_each_try(mode: str, damstra: Damstra) -> None:
    task = SensorTask(
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": SCHEDULE, "max_poll_failures": 2, **MODES[mode]},
    )
    damstra.emulator.add_fault("status", status=503)
    first = task.run_try()
    assert (first.state, first.message[:19]) == (FinalState.UP_FOR_RETRY, "3 consecutive polls")
    damstra.complete_schedule()
    damstra.emulator.clear_faults()
    damstra.emulator.add_fault("status", status=503, count=2)
    assert task.run_try() == Outcome(FinalState.SUCCESS, [SCHEDULE])


@every_mode
def test_failed_polls_before_permanent_error_do_not_count_in_next_try(mode: str, damstra: Damstra) -> None:
    task = SensorTask(
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": SCHEDULE, "max_poll_failures": 2, **MODES[mode]},
    )
    damstra.emulator.add_fault("status", status=503, count=2)
    damstra.emulator.add_fault("status", status=401)
    assert task.run_try().state == FinalState.FAILED
    damstra.complete_schedule()
    damstra.emulator.clear_faults()
    damstra.emulator.add_fault("status", status=503, count=2)
    assert task.run_try() == Outcome(FinalState.SUCCESS, [SCHEDULE])


@every_mode
def test_poke_interval_can_be_zero(mode: str, damstra: Damstra) -> None:
    damstra.emulator.add_fault("status", status=503, count=1)
    outcome = run(DamstraUserSensor, mode, {"emp_id": NEW_NUMBER}, poke_interval=0, timeout=0.3)
    assert outcome == failed(TIMED_OUT)
    assert len(damstra.emulator.journal()) > 2


@every_mode
def test_never_fail_skips(mode: str, damstra: Damstra) -> None:
    damstra.cancel_schedule()
    outcome = run(
        DamstraLessonScheduleSensor,
        mode,
        {"lesson_schedule_ids": SCHEDULE},
        never_fail=True,
        poke_interval=3600,
    )
    assert outcome.state == FinalState.SKIPPED
