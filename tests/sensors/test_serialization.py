"""What the scheduler and the triggerer know of a sensor: its DAG as it is stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG, BaseOperator

from airflow_provider_damstra.sensors.lesson_schedule import DamstraUserLessonsSensor
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from tests.airflow_compat import DagSerialization, stored_trigger_kwargs
from tests.sensors.running import MODES, Task, UpstreamOutput
from tests.sensors.subjects import LIAM

if TYPE_CHECKING:
    from tests.sensors.subjects import Office, Subject

STARTS = MODES["started and ended there"]
PULL = "{{ task_instance.xcom_pull(task_ids='upstream', dag_id='training', key='return_value') }}"


def start_of(task: Task) -> tuple[Any, dict[str, Any]]:
    """Return with what a stored task starts in the triggerer, and the trigger's arguments."""
    start = task.serialized().start_trigger_args
    return start, stored_trigger_kwargs(start.trigger_kwargs)


@pytest.mark.needs_airflow("3.3")
def test_where_it_starts_and_with_what_is_stored(subject: Subject) -> None:
    options = {"soft_fail": True, "max_poll_failures": 3, "poke_interval": 7, "timeout": 60}
    task = Task(subject.sensor, {**subject.arguments, **STARTS, **options})
    start, kwargs = start_of(task)
    assert task.serialized().start_from_trigger is True
    assert start.trigger_cls == "airflow_provider_damstra.triggers.wait.DamstraWaitTrigger"
    assert (start.next_method, start.next_kwargs) == ("execute_complete", None)
    assert start.timeout == timedelta(seconds=60)
    own = {
        "condition": subject.sensor.condition_name,
        "damstra_conn_id": "damstra_default",
        "poll_interval": 7,
    }
    own |= {"max_poll_failures": 3, "end_from_trigger": True, "soft_fail": True}
    assert own.items() <= kwargs.items()
    assert kwargs == json.loads(json.dumps(kwargs))
    assert subject.arguments.items() <= kwargs.items()


def test_one_that_does_not_start_there_stores_nothing_of_it(subject: Subject) -> None:
    task = Task(subject.sensor, {**subject.arguments, **MODES["deferrable"]}).serialized()
    assert (task.start_from_trigger, task.start_trigger_args) == (False, None)


@pytest.mark.needs_airflow("3.3")
def test_templates_and_outputs_are_stored_as_templates() -> None:
    arguments = {"user_id": UpstreamOutput, "lesson_ids": "{{ params.lessons }}", **STARTS}
    _, kwargs = start_of(Task(DamstraUserLessonsSensor, arguments))
    assert (kwargs["user_id"], kwargs["lesson_ids"]) == (PULL, "{{ params.lessons }}")


@pytest.mark.needs_airflow("3.3")
def test_outputs_in_a_list_are_stored_as_templates_too() -> None:
    arguments = {"user_id": LIAM, "lesson_ids": [UpstreamOutput, "{{ two }}", 3], **STARTS}
    _, kwargs = start_of(Task(DamstraUserLessonsSensor, arguments))
    assert kwargs["lesson_ids"] == [PULL, "{{ two }}", 3]


@pytest.mark.needs_airflow("3.3")
def test_an_output_that_no_template_can_pull_is_refused() -> None:
    with DAG("training", schedule=None):
        mapped = BaseOperator(task_id="upstream").output.map(str)
        with pytest.raises(ValueError, match="user_id"):
            DamstraUserLessonsSensor(task_id="wait", user_id=mapped, lesson_ids=[1], start_from_trigger=True)


def test_another_tasks_output_makes_it_the_task_before() -> None:
    for options in MODES.values():
        task = Task(DamstraUserLessonsSensor, {"user_id": UpstreamOutput, "lesson_ids": [1], **options})
        assert task.serialized().upstream_task_ids == {"upstream"}


def test_ids_and_connection_are_templated(subject: Subject) -> None:
    names = {"damstra_conn_id"} | {
        name for name in subject.sensor.condition_arguments if name.endswith(("id", "ids"))
    }
    assert names <= set(subject.sensor.template_fields)
    task = Task(subject.sensor, subject.arguments).serialized()
    assert set(task.template_fields) == set(subject.sensor.template_fields)


def test_what_a_deferred_task_stores_is_json(subject: Subject, office: Office) -> None:
    operator = Task(subject.sensor, {**subject.arguments, **MODES["deferrable"]}).parsed()
    with pytest.raises(TaskDeferred) as deferred:
        type(operator).execute.__wrapped__(operator, {})  # type: ignore[attr-defined]
    _, kwargs = deferred.value.trigger.serialize()
    assert kwargs == json.loads(json.dumps(kwargs))


@pytest.mark.needs_airflow("3.1")
def test_mapped_sensors_are_stored_and_begin_on_a_worker() -> None:
    with DAG("training", schedule=None) as dag:
        users = BaseOperator(task_id="upstream").output
        DamstraUserLessonsSensor.partial(task_id="wait", lesson_ids=[201], **STARTS).expand(user_id=users)
    stored_dag = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    task: Any = DagSerialization.from_dict(stored_dag).get_task("wait")
    assert task.is_mapped
    assert task.expand_start_from_trigger(context={}) is False


def test_every_sensor_can_be_mapped(subject: Subject) -> None:
    (name, value), *rest = subject.arguments.items()
    with DAG("training", schedule=None):
        partial = subject.sensor.partial(task_id="wait", deferrable=True, **dict(rest))
        operator = partial.expand(**{name: [value]}).unmap({name: value})
    assert isinstance(operator, subject.sensor)
    assert vars(operator)[name] == value


def test_the_user_sensor_can_be_mapped_over_either_argument() -> None:
    with DAG("training", schedule=None):
        wanted = [{"emp_id": "E1"}, {"email_address": "ada@example.com"}]
        mapped = DamstraUserSensor.partial(task_id="wait").expand_kwargs(wanted)
        for one in wanted:
            assert one.items() <= vars(mapped.unmap(one)).items()
