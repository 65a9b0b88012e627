"""Invalid arguments are rejected when the DAG is parsed."""

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

if TYPE_CHECKING:
    from airflow_provider_damstra.sensors.base import DamstraSensor

Case = tuple["type[DamstraSensor]", dict[str, Any], str]

SCHEDULES = {"lesson_schedule_ids": [1]}
USER = {"user_id": 1, "lesson_ids": [2]}
GROUP = {"group_id": 1, "lesson_id": 2}
SESSION = {"ilt_session_id": 1}

WITH_FAIL_ON: list[tuple[type[DamstraSensor], dict[str, Any]]] = [
    (DamstraLessonScheduleSensor, SCHEDULES),
    (DamstraUserLessonsSensor, USER),
    (DamstraGroupLessonSensor, GROUP),
]
VALID: list[tuple[type[DamstraSensor], dict[str, Any], str, Any]] = [
    *((DamstraLessonScheduleSensor, SCHEDULES, "wait_for", one) for one in ("all", "any", 0.01, 0.5, 1, 1.0)),
    *((DamstraIltSessionSensor, SESSION, "state", one) for one in ("upcoming", "inprogress", "past")),
    *((DamstraIltSessionSensor, SESSION, "status", one) for one in ("active", "completed", "cancelled")),
]
INVALID_SHARES: list[Any] = ["some", "", 0, 0.0, -0.5, 1.01, 2, "0.5", None, float("nan"), [0.5]]
INVALID: list[Case] = [
    (DamstraIltSessionSensor, SESSION, "give exactly one of state, status; given: none"),
    (
        DamstraIltSessionSensor,
        {**SESSION, "state": "past", "status": "completed"},
        "give exactly one of state, status; given: state, status",
    ),
    (DamstraIltSessionSensor, {**SESSION, "state": "over"}, "state is 'over'; it can be upcoming or"),
    (
        DamstraIltSessionSensor,
        {**SESSION, "state": "completed"},
        "state is 'completed'; it can be upcoming or",
    ),
    (DamstraIltSessionSensor, {**SESSION, "status": "past"}, "status is 'past'; it can be active or"),
    (DamstraUserSensor, {}, "give exactly one of emp_id, email_address; given: none"),
    (
        DamstraUserSensor,
        {"emp_id": "E1", "email_address": "ada@example.com"},
        "give exactly one of emp_id, email_address; given: emp_id, email_address",
    ),
    *(
        (
            DamstraLessonScheduleSensor,
            {**SCHEDULES, "wait_for": share},
            f"wait_for is {share!r}; it can be all",
        )
        for share in INVALID_SHARES
    ),
    *(
        (DamstraGroupLessonSensor, {**GROUP, "threshold": share}, f"threshold is {share!r}; it can be")
        for share in [*INVALID_SHARES, "all", "any"]
    ),
    *(
        (sensor, {**arguments, "fail_on": states}, "fail_on is")
        for sensor, arguments in WITH_FAIL_ON
        for states in ("cancelled", ["lost"], ["cancelled", "completed"], [None])
    ),
    *(
        (sensor, {**arguments, "fail_on": [state]}, f"fail_on has {state!r}, which needs {needed}")
        for sensor, arguments in WITH_FAIL_ON
        for state, needed in {"not_passed": "require_passed=True", "expired": "valid_for"}.items()
    ),
    *(
        (sensor, {**arguments, "require_passed": "yes"}, "require_passed is 'yes'; it can be True or False")
        for sensor, arguments in WITH_FAIL_ON
    ),
    *(
        (DamstraUserSensor, {"emp_id": "E1", name: "false"}, f"{name} is 'false'; it can be True or False")
        for name in ("deferrable", "start_from_trigger", "end_from_trigger")
    ),
    *(
        (DamstraUserSensor, {"emp_id": "E1", "max_poll_failures": wrong}, "max_poll_failures is ")
        for wrong in (-1, 1.5, "many", True, None)
    ),
]


def create(sensor: type[DamstraSensor], **arguments: Any) -> DamstraSensor:
    """Return a sensor as a DAG file creates it."""
    return sensor(task_id="wait", **arguments)


@pytest.mark.parametrize(("sensor", "arguments", "message"), INVALID)
def test_invalid_argument_raises_one_line_error(
    sensor: type[DamstraSensor], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        create(sensor, **arguments)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("sensor", "arguments", "name", "value"), VALID)
def test_accepts_valid_argument(
    sensor: type[DamstraSensor], arguments: dict[str, Any], name: str, value: Any
) -> None:
    assert vars(create(sensor, **arguments, **{name: value}))[name] == value


@pytest.mark.parametrize("states", [[], (), ["cancelled"], ("overdue", "cancelled"), {"overdue"}])
@pytest.mark.parametrize(("sensor", "arguments"), WITH_FAIL_ON)
def test_accepts_fail_on_in_any_collection(
    sensor: type[DamstraSensor], arguments: dict[str, Any], states: Any
) -> None:
    assert sorted(vars(create(sensor, **arguments, fail_on=states))["fail_on"]) == sorted(states)


def test_start_from_trigger_implies_deferrable() -> None:
    assert create(DamstraUserSensor, emp_id="E1", start_from_trigger=True).deferrable


def test_is_not_deferrable_by_default() -> None:
    sensor = create(DamstraUserSensor, emp_id="E1")
    assert (sensor.deferrable, sensor.start_from_trigger, sensor.end_from_trigger) == (False, False, False)
    assert sensor.start_trigger_args is None
