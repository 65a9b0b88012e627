"""Task instances in Airflow's metadata database, as the scheduler and the triggerer leave them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.jobs.job import Job
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from sqlalchemy import inspect, select
from uuid6 import uuid7

from airflow_provider_damstra.triggers.wait import DamstraWaitTrigger
from tests.pages.conftest import CONN_ID

RUN_ID = "manual__2026-01-01T00:00:00+00:00"
NOW = datetime.now(UTC)


def add_dag(dag_id: str) -> None:
    """Add a DAG unless it exists."""
    with create_session() as session:
        if session.get(DagBundleModel, "dags") is None:
            session.add(DagBundleModel(name="dags"))
        if session.get(DagModel, dag_id) is None:
            session.add(DagModel(dag_id=dag_id, bundle_name="dags", fileloc=f"/dags/{dag_id}.py"))  # type: ignore[no-untyped-call]


def add_task(
    task_id: str,
    state: str,
    *,
    dag_id: str = "onboarding",
    operator: str = "DamstraUserLessonsSensor",
    map_index: int = -1,
    rendered: dict[str, Any] | None = None,
    trigger_id: int | None = None,
    ended: timedelta | None = None,
    rescheduled_to: datetime | None = None,
    in_history: bool = False,
) -> None:
    """Add a task instance.

    :param rendered: rendered fields.
    :param ended: time since its end.
    :param rescheduled_to: time of the next poke.
    :param in_history: add an earlier try.
    """
    add_dag(dag_id)
    identity = {"dag_id": dag_id, "task_id": task_id, "run_id": RUN_ID, "map_index": map_index}
    # The column is a text before Airflow 3.2.
    ti_id = inspect(TaskInstance).local_table.c.id.type.python_type(str(uuid7()))
    row = {
        **identity,
        "state": state,
        "operator": operator,
        "start_date": NOW - timedelta(hours=30),
        "end_date": None if ended is None else NOW - ended,
        "trigger_id": trigger_id,
        "pool": "default_pool",
        "try_number": 1,
    }
    model, key = (TaskInstanceHistory, "task_instance_id") if in_history else (TaskInstance, "id")
    with create_session() as session:
        session.execute(inspect(model).local_table.insert().values({**row, key: ti_id}))
        if rendered is not None:
            table = inspect(RenderedTaskInstanceFields).local_table
            session.execute(table.insert().values({**identity, "rendered_fields": rendered}))
        if rescheduled_to is not None:
            table = inspect(TaskReschedule).local_table
            times = {"start_date": NOW, "end_date": NOW, "duration": 1, "reschedule_date": rescheduled_to}
            session.execute(table.insert().values({"ti_id": ti_id, **times}))


def add_trigger(*, heartbeat: timedelta | None = timedelta(0), **arguments: Any) -> int:
    """Add a trigger of a sensor and return its id.

    :param heartbeat: time since the last heartbeat of its triggerer; None for a trigger without one.
    :param arguments: arguments of the trigger.
    """
    given = {"damstra_conn_id": CONN_ID, "poll_interval": 60, **arguments}
    classpath, kwargs = DamstraWaitTrigger(condition="UserLessonsCondition", **given).serialize()
    with create_session() as session:
        triggerer_id = None
        if heartbeat is not None:
            table = inspect(Job).local_table
            latest = datetime.now(UTC) - heartbeat
            values = {"job_type": "TriggererJob", "state": "running", "latest_heartbeat": latest}
            session.execute(table.insert().values(values))
            triggerer_id = session.scalar(select(Job.id).order_by(Job.id.desc()).limit(1))
        trigger = Trigger(classpath=classpath, kwargs=kwargs)
        trigger.triggerer_id = triggerer_id
        session.add(trigger)
        session.flush()
        return int(trigger.id)
