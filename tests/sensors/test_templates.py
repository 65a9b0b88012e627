"""Arguments from templates and outputs of other tasks, in every mode."""

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
from tests.sensors.cases import LIAM, NEW_USER
from tests.sensors.outcome import FinalState, Outcome
from tests.sensors.task_runner import MODES, MappedOutput, SensorTask, UpstreamOutput

if TYPE_CHECKING:
    from airflow_provider_damstra.sensors.base import DamstraSensor
    from tests.sensors.cases import Damstra

every_mode = pytest.mark.parametrize("mode", MODES)

COMPLETED, ALSO_COMPLETED, COMPLETED_LESSONS = 30001, 30013, [201, 205]
SCHEDULED = {"user_id": LIAM, "lesson_schedule_ids": [COMPLETED, ALSO_COMPLETED]}
TEMPLATED: list[tuple[type[DamstraSensor], dict[str, Any], dict[str, Any], list[int]]] = [
    (DamstraLessonScheduleSensor, {"lesson_schedule_ids": "{{ one }}"}, {"one": COMPLETED}, [COMPLETED]),
    (
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": ["{{ one }}", ALSO_COMPLETED]},
        {"one": COMPLETED},
        [COMPLETED, ALSO_COMPLETED],
    ),
    (
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": "{{ all }}"},
        {"all": [COMPLETED, ALSO_COMPLETED]},
        [COMPLETED, ALSO_COMPLETED],
    ),
    (
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": "{{ all }}"},
        {"all": SCHEDULED},
        [COMPLETED, ALSO_COMPLETED],
    ),
    (
        DamstraLessonScheduleSensor,
        {"lesson_schedule_ids": "{{ all }}"},
        {"all": [SCHEDULED]},
        [COMPLETED, ALSO_COMPLETED],
    ),
    *(
        (
            DamstraLessonScheduleSensor,
            {"lesson_schedule_ids": [COMPLETED, 30040], "wait_for": "{{ share }}"},
            {"share": share},
            [COMPLETED],
        )
        for share in ("any", 0.5, "0.5")
    ),
    (
        DamstraGroupLessonSensor,
        {"group_id": 102, "lesson_id": 201, "threshold": "{{ share }}"},
        {"share": 0.1},
        [LIAM],
    ),
    (
        DamstraUserLessonsSensor,
        {"user_id": "{{ user }}", "lesson_ids": "{{ lessons }}"},
        {"user": LIAM, "lessons": COMPLETED_LESSONS},
        COMPLETED_LESSONS,
    ),
    (
        DamstraGroupLessonSensor,
        {"group_id": "{{ user }}", "lesson_id": "{{ lessons }}", "threshold": 0.1},
        {"user": 102, "lessons": 201},
        [LIAM],
    ),
    (DamstraIltSessionSensor, {"ilt_session_id": "{{ one }}", "state": "past"}, {"one": 401}, [401]),
    (DamstraUserSensor, {"emp_id": "E{{ number }}"}, {"number": LIAM}, [LIAM]),
    (DamstraUserSensor, {"email_address": "{{ at }}"}, {"at": "liam.murphy@example.com"}, [LIAM]),
]


def assert_succeeded(outcome: Outcome, *, with_at_least: list[int]) -> None:
    assert outcome.state == FinalState.SUCCESS, outcome
    assert set(with_at_least) <= set(json.loads(str(outcome.result)))


@every_mode
@pytest.mark.parametrize(("sensor", "arguments", "variables", "result"), TEMPLATED)
def test_arguments_are_rendered(
    sensor: type[DamstraSensor],
    arguments: dict[str, Any],
    variables: dict[str, Any],
    result: list[int],
    mode: str,
    damstra: Damstra,
) -> None:
    task = SensorTask(sensor, {**arguments, **MODES[mode]}, variables)
    assert_succeeded(task.run_try(), with_at_least=result)


@pytest.mark.parametrize(("sensor", "arguments", "variables", "result"), TEMPLATED)
def test_arguments_are_rendered_natively(
    sensor: type[DamstraSensor],
    arguments: dict[str, Any],
    variables: dict[str, Any],
    result: list[int],
    damstra: Damstra,
) -> None:
    task = SensorTask(sensor, arguments, variables, renders_natively=True)
    assert_succeeded(task.run_try(), with_at_least=result)


@every_mode
@pytest.mark.parametrize(("number", "natively"), [(4711, False), ("4711", False), ("{{ 4711 }}", True)])
def test_employee_number_can_be_integer(
    number: int | str, mode: str, natively: bool, damstra: Damstra
) -> None:
    damstra.client.call(BulkUserImport(users=[{"user_name": "ada", "employee_number": "4711"}]))
    task = SensorTask(DamstraUserSensor, {"emp_id": number, **MODES[mode]}, renders_natively=natively)
    assert task.run_try() == Outcome(FinalState.SUCCESS, [NEW_USER])


@pytest.mark.parametrize("number", [47.11, True, [4711]], ids=repr)
def test_invalid_employee_number_fails_without_request(number: Any, damstra: Damstra) -> None:
    outcome = SensorTask(DamstraUserSensor, {"emp_id": number}).run_try()
    assert outcome.state == FinalState.FAILED
    assert "Invalid arguments: emp_id: Input should be a valid string" in outcome.message
    assert damstra.emulator.journal() == []


OUTPUTS: list[Any] = [
    COMPLETED,
    str(COMPLETED),
    [COMPLETED],
    f"{COMPLETED}",
    {"user_id": LIAM, "lesson_schedule_ids": [COMPLETED]},
]


@every_mode
@pytest.mark.parametrize("output", OUTPUTS, ids=repr)
def test_ids_can_be_output_of_task(output: Any, mode: str, damstra: Damstra) -> None:
    arguments = {"lesson_schedule_ids": UpstreamOutput, **MODES[mode]}
    task = SensorTask(DamstraLessonScheduleSensor, arguments, output=output)
    assert task.run_try() == Outcome(FinalState.SUCCESS, [COMPLETED])


@every_mode
def test_ids_can_be_list_of_outputs(mode: str, damstra: Damstra) -> None:
    arguments = {"lesson_schedule_ids": [UpstreamOutput], **MODES[mode]}
    task = SensorTask(DamstraLessonScheduleSensor, arguments, output=[SCHEDULED])
    assert task.run_try() == Outcome(FinalState.SUCCESS, [COMPLETED, ALSO_COMPLETED])


@every_mode
def test_user_id_can_be_output_of_task(mode: str, damstra: Damstra) -> None:
    arguments = {"user_id": UpstreamOutput, "lesson_ids": [201], **MODES[mode]}
    task = SensorTask(DamstraUserLessonsSensor, arguments, output=LIAM)
    assert task.run_try() == Outcome(FinalState.SUCCESS, [201])


@every_mode
def test_connection_id_is_rendered(mode: str, damstra: Damstra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", damstra.emulator.connection_json)
    monkeypatch.delenv("AIRFLOW_CONN_DAMSTRA_DEFAULT")
    arguments = {"emp_id": "E1011", "damstra_conn_id": "{{ site }}", **MODES[mode]}
    assert SensorTask(DamstraUserSensor, arguments, {"site": "mine"}).run_try() == Outcome(
        FinalState.SUCCESS, [LIAM]
    )


@every_mode
def test_ids_can_be_output_of_mapped_task(mode: str, damstra: Damstra) -> None:
    pull = "{{ task_instance.xcom_pull(task_ids='upstream') }}"
    one, other = (
        [{"user_id": LIAM, "lesson_schedule_ids": [schedule]}] for schedule in (COMPLETED, ALSO_COMPLETED)
    )
    arguments = {"lesson_schedule_ids": pull, **MODES[mode]}
    task = SensorTask(DamstraLessonScheduleSensor, arguments, output=MappedOutput([one, other]))
    assert task.run_try() == Outcome(FinalState.SUCCESS, [COMPLETED, ALSO_COMPLETED])


@every_mode
@pytest.mark.parametrize("share", ["most", 2, "0", ""])
@pytest.mark.parametrize(
    ("sensor", "name", "arguments"),
    [
        (DamstraLessonScheduleSensor, "wait_for", {"lesson_schedule_ids": [COMPLETED]}),
        (DamstraGroupLessonSensor, "threshold", {"group_id": 102, "lesson_id": 201}),
    ],
)
def test_invalid_rendered_share_fails_without_request(
    sensor: type[DamstraSensor], name: str, arguments: dict[str, Any], share: Any, mode: str, damstra: Damstra
) -> None:
    outcome = SensorTask(
        sensor, {**arguments, name: "{{ share }}", **MODES[mode]}, {"share": share}
    ).run_try()
    assert outcome.state == FinalState.FAILED
    assert outcome.message.startswith(f"{name} is ")
    assert "a share above 0 and up to 1" in outcome.message
    assert damstra.emulator.journal() == []
