"""Sensors in the serialized DAG, as the scheduler and the triggerer read it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG, BaseOperator

from airflow_provider_damstra.sensors.lesson_schedule import DamstraUserLessonsSensor
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from airflow_provider_damstra.triggers.deadlines import TIMEOUT_MARGIN
from tests.airflow_compat import DagSerialization, stored_trigger_kwargs
from tests.sensors.cases import LIAM
from tests.sensors.task_runner import MODES, SensorTask, UpstreamOutput

if TYPE_CHECKING:
    from tests.sensors.cases import Damstra, SensorCase

STARTS = MODES["start_from_trigger, end_from_trigger"]
PULL = "{{ task_instance.xcom_pull(task_ids='upstream', dag_id='training', key='return_value') }}"


def trigger_start(task: SensorTask) -> tuple[Any, dict[str, Any]]:
    """Return the serialized start arguments of a task, and its trigger's arguments."""
    start = task.serialized().start_trigger_args
    return start, stored_trigger_kwargs(start.trigger_kwargs)


@pytest.mark.needs_airflow("3.3")
def test_start_from_trigger_is_serialized_with_arguments(starting_case: SensorCase) -> None:
    options = {"soft_fail": True, "max_poll_failures": 3, "poke_interval": 7, "timeout": 60}
    task = SensorTask(starting_case.sensor, {**starting_case.arguments, **STARTS, **options})
    start, kwargs = trigger_start(task)
    assert task.serialized().start_from_trigger is True
    assert start.trigger_cls == "airflow_provider_damstra.triggers.wait.DamstraWaitTrigger"
    assert (start.next_method, start.next_kwargs) == ("execute_complete", None)
    assert start.timeout == timedelta(seconds=60 + TIMEOUT_MARGIN)
    own = {
        "condition": starting_case.sensor.condition_name,
        "damstra_conn_id": "damstra_default",
        "poll_interval": 7,
    }
    own |= {"max_poll_failures": 3, "end_from_trigger": True, "soft_fail": True}
    assert own.items() <= kwargs.items()
    assert kwargs == json.loads(json.dumps(kwargs))
    assert starting_case.arguments.items() <= kwargs.items()


def test_deferrable_serializes_no_start_arguments(case: SensorCase) -> None:
    task = SensorTask(case.sensor, {**case.arguments, **MODES["deferrable"]}).serialized()
    assert (task.start_from_trigger, task.start_trigger_args) == (False, None)


@pytest.mark.needs_airflow("3.3")
def test_templates_and_outputs_are_serialized_as_templates() -> None:
    arguments = {"user_id": UpstreamOutput, "lesson_ids": "{{ params.lessons }}", **STARTS}
    _, kwargs = trigger_start(SensorTask(DamstraUserLessonsSensor, arguments))
    assert (kwargs["user_id"], kwargs["lesson_ids"]) == (PULL, "{{ params.lessons }}")


@pytest.mark.needs_airflow("3.3")
def test_outputs_in_list_are_serialized_as_templates() -> None:
    arguments = {"user_id": LIAM, "lesson_ids": [UpstreamOutput, "{{ two }}", 3], **STARTS}
    _, kwargs = trigger_start(SensorTask(DamstraUserLessonsSensor, arguments))
    assert kwargs["lesson_ids"] == [PULL, "{{ two }}", 3]


@pytest.mark.needs_airflow("3.3")
def test_transformed_output_is_rejected() -> None:
    with DAG("training", schedule=None):
        mapped = BaseOperator(task_id="upstream").output.map(str)
        with pytest.raises(ValueError, match="user_id"):
            DamstraUserLessonsSensor(task_id="wait", user_id=mapped, lesson_ids=[1], start_from_trigger=True)


def test_output_of_task_sets_upstream_dependency() -> None:
    for options in MODES.values():
        task = SensorTask(DamstraUserLessonsSensor, {"user_id": UpstreamOutput, "lesson_ids": [1], **options})
        assert task.serialized().upstream_task_ids == {"upstream"}


def test_ids_and_connection_are_templated(case: SensorCase) -> None:
    names = {"damstra_conn_id"} | {
        name for name in case.sensor.condition_arguments if name.endswith(("id", "ids"))
    }
    assert names <= set(case.sensor.template_fields)
    task = SensorTask(case.sensor, case.arguments).serialized()
    assert set(task.template_fields) == set(case.sensor.template_fields)


def test_trigger_arguments_are_json(case: SensorCase, damstra: Damstra) -> None:
    operator = SensorTask(case.sensor, {**case.arguments, **MODES["deferrable"]}).parsed()
    with pytest.raises(TaskDeferred) as deferred:
        type(operator).execute.__wrapped__(operator, {})  # type: ignore[attr-defined]
    _, kwargs = deferred.value.trigger.serialize()
    assert kwargs == json.loads(json.dumps(kwargs))


@pytest.mark.needs_airflow("3.1")
def test_mapped_sensor_is_serialized_and_starts_on_worker() -> None:
    with DAG("training", schedule=None) as dag:
        users = BaseOperator(task_id="upstream").output
        DamstraUserLessonsSensor.partial(task_id="wait", lesson_ids=[201], **STARTS).expand(user_id=users)
    stored_dag = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    task: Any = DagSerialization.from_dict(stored_dag).get_task("wait")
    assert task.is_mapped
    assert task.expand_start_from_trigger(context={}) is False


def test_every_sensor_can_be_mapped(case: SensorCase) -> None:
    (name, value), *rest = case.arguments.items()
    with DAG("training", schedule=None):
        partial = case.sensor.partial(task_id="wait", deferrable=True, **dict(rest))
        operator = partial.expand(**{name: [value]}).unmap({name: value})
    assert isinstance(operator, case.sensor)
    assert vars(operator)[name] == value


def test_user_sensor_can_be_mapped_over_either_argument() -> None:
    with DAG("training", schedule=None):
        arguments = [{"emp_id": "E1"}, {"email_address": "ada@example.com"}]
        mapped = DamstraUserSensor.partial(task_id="wait").expand_kwargs(arguments)
        for one in arguments:
            assert one.items() <= vars(mapped.unmap(one)).items()
