"""Ids from templates and other tasks, in every mode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import BulkUserImport
from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.ilt_session import DamstraIltSessionSensor
from airflow_provider_damstra.sensors.lesson_schedule import (
    DamstraLessonScheduleSensor,
    DamstraUserLessonsSensor,
)
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from tests.sensors.outcome import Ending, Outcome
from tests.sensors.running import MODES, Mapped, Task, UpstreamOutput
from tests.sensors.subjects import LIAM, NEW_USER

if TYPE_CHECKING:
    from airflow_provider_damstra.sensors.base import DamstraSensor
    from tests.sensors.subjects import Office

every_mode = pytest.mark.parametrize("mode", MODES)

DONE, DONE_TOO, DONE_LESSONS = 30001, 30013, [201, 205]
SCHEDULED = {"user_id": LIAM, "lesson_schedule_ids": [DONE, DONE_TOO]}
TEMPLATED: list[tuple[type[DamstraSensor], dict[str, Any], dict[str, Any], list[int]]] = [
    (DamstraLessonScheduleSensor, {"lesson_schedule_ids": "{{ one }}"}, {"one": DONE}, [DONE]),
    (
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": ["{{ one }}", DONE_TOO]},
        {"one": DONE},
        [DONE, DONE_TOO],
    ),
    (
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": "{{ all }}"},
        {"all": [DONE, DONE_TOO]},
        [DONE, DONE_TOO],
    ),
    (DamstraLessonScheduleSensor, {"lesson_schedule_ids": "{{ all }}"}, {"all": SCHEDULED}, [DONE, DONE_TOO]),
    (
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": "{{ all }}"},
        {"all": [SCHEDULED]},
        [DONE, DONE_TOO],
    ),
    *(
        (
            DamstraLessonScheduleSensor,
            {"lesson_schedule_ids": [DONE, 30040], "wait_for": "{{ enough }}"},
            {"enough": enough},
            [DONE],
        )
        for enough in ("any", 0.5, "0.5")
    ),
    (
        DamstraGroupLessonSensor,
        {"group_id": 102, "lesson_id": 201, "threshold": "{{ enough }}"},
        {"enough": 0.1},
        [LIAM],
    ),
    (
        DamstraUserLessonsSensor,
        {"user_id": "{{ who }}", "lesson_ids": "{{ what }}"},
        {"who": LIAM, "what": DONE_LESSONS},
        DONE_LESSONS,
    ),
    (
        DamstraGroupLessonSensor,
        {"group_id": "{{ who }}", "lesson_id": "{{ what }}", "threshold": 0.1},
        {"who": 102, "what": 201},
        [LIAM],
    ),
    (DamstraIltSessionSensor, {"ilt_session_id": "{{ one }}", "state": "past"}, {"one": 401}, [401]),
    (DamstraUserSensor, {"emp_id": "E{{ number }}"}, {"number": LIAM}, [LIAM]),
    (DamstraUserSensor, {"email_address": "{{ at }}"}, {"at": "liam.murphy@example.com"}, [LIAM]),
]


def assert_succeeded(outcome: Outcome, *, with_at_least: list[int]) -> None:
    assert outcome.ending == Ending.SUCCESS, outcome
    assert set(with_at_least) <= set(json.loads(str(outcome.result)))


@every_mode
@pytest.mark.parametrize(("sensor", "arguments", "variables", "result"), TEMPLATED)
def test_ids_come_out_of_templates(
    sensor: type[DamstraSensor],
    arguments: dict[str, Any],
    variables: dict[str, Any],
    result: list[int],
    mode: str,
    office: Office,
) -> None:
    task = Task(sensor, {**arguments, **MODES[mode]}, variables)
    assert_succeeded(task.attempt(), with_at_least=result)


@pytest.mark.parametrize(("sensor", "arguments", "variables", "result"), TEMPLATED)
def test_templates_may_be_rendered_as_what_they_are(
    sensor: type[DamstraSensor],
    arguments: dict[str, Any],
    variables: dict[str, Any],
    result: list[int],
    office: Office,
) -> None:
    task = Task(sensor, arguments, variables, renders_natively=True)
    assert_succeeded(task.attempt(), with_at_least=result)


@every_mode
@pytest.mark.parametrize(("number", "natively"), [(4711, False), ("4711", False), ("{{ 4711 }}", True)])
def test_an_employee_number_that_is_all_digits_may_be_a_number(
    number: int | str, mode: str, natively: bool, office: Office
) -> None:
    office.client.call(BulkUserImport(users=[{"user_name": "ada", "employee_number": "4711"}]))
    task = Task(DamstraUserSensor, {"emp_id": number, **MODES[mode]}, renders_natively=natively)
    assert task.attempt() == Outcome(Ending.SUCCESS, [NEW_USER])


@pytest.mark.parametrize("number", [47.11, True, [4711]], ids=repr)
def test_what_is_no_employee_number_is_refused_before_the_first_request(number: Any, office: Office) -> None:
    outcome = Task(DamstraUserSensor, {"emp_id": number}).attempt()
    assert outcome.ending == Ending.FAILED
    assert "UserCondition has invalid arguments: emp_id: Input should be a valid string" in outcome.message
    assert office.emulator.journal() == []


OUTPUTS: list[Any] = [DONE, str(DONE), [DONE], f"{DONE}", {"user_id": LIAM, "lesson_schedule_ids": [DONE]}]


@every_mode
@pytest.mark.parametrize("output", OUTPUTS, ids=repr)
def test_ids_are_another_tasks_output(output: Any, mode: str, office: Office) -> None:
    arguments = {"lesson_schedule_ids": UpstreamOutput, **MODES[mode]}
    task = Task(DamstraLessonScheduleSensor, arguments, output=output)
    assert task.attempt() == Outcome(Ending.SUCCESS, [DONE])


@every_mode
def test_ids_are_several_tasks_outputs(mode: str, office: Office) -> None:
    arguments = {"lesson_schedule_ids": [UpstreamOutput], **MODES[mode]}
    task = Task(DamstraLessonScheduleSensor, arguments, output=[SCHEDULED])
    assert task.attempt() == Outcome(Ending.SUCCESS, [DONE, DONE_TOO])


@every_mode
def test_a_user_and_lessons_are_other_tasks_outputs(mode: str, office: Office) -> None:
    arguments = {"user_id": UpstreamOutput, "lesson_ids": [201], **MODES[mode]}
    task = Task(DamstraUserLessonsSensor, arguments, output=LIAM)
    assert task.attempt() == Outcome(Ending.SUCCESS, [201])


@every_mode
def test_the_connection_comes_out_of_a_template(
    mode: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", office.emulator.connection_json)
    monkeypatch.delenv("AIRFLOW_CONN_DAMSTRA_DEFAULT")
    arguments = {"emp_id": "E1011", "damstra_conn_id": "{{ site }}", **MODES[mode]}
    assert Task(DamstraUserSensor, arguments, {"site": "mine"}).attempt() == Outcome(Ending.SUCCESS, [LIAM])


@every_mode
def test_ids_are_what_the_instances_of_a_mapped_task_returned(mode: str, office: Office) -> None:
    pull = "{{ task_instance.xcom_pull(task_ids='upstream') }}"
    one, other = ([{"user_id": LIAM, "lesson_schedule_ids": [schedule]}] for schedule in (DONE, DONE_TOO))
    arguments = {"lesson_schedule_ids": pull, **MODES[mode]}
    task = Task(DamstraLessonScheduleSensor, arguments, output=Mapped([one, other]))
    assert task.attempt() == Outcome(Ending.SUCCESS, [DONE, DONE_TOO])


@every_mode
@pytest.mark.parametrize("enough", ["most", 2, "0", ""])
@pytest.mark.parametrize(
    ("sensor", "name", "arguments"),
    [
        (DamstraLessonScheduleSensor, "wait_for", {"lesson_schedule_ids": [DONE]}),
        (DamstraGroupLessonSensor, "threshold", {"group_id": 102, "lesson_id": 201}),
    ],
)
def test_a_share_that_renders_to_something_else_is_refused_before_the_first_request(
    sensor: type[DamstraSensor], name: str, arguments: dict[str, Any], enough: Any, mode: str, office: Office
) -> None:
    outcome = Task(sensor, {**arguments, name: "{{ enough }}", **MODES[mode]}, {"enough": enough}).attempt()
    assert outcome.ending == Ending.FAILED
    assert outcome.message.startswith(f"{name} is ")
    assert "a share above 0 and up to 1" in outcome.message
    assert office.emulator.journal() == []
