"""The tasks that wait on Damstra Learning, from Airflow's metadata database.

What a task waits for is in the arguments of its trigger, or in the rendered fields of a sensor that polls on
a worker. Only the arguments of conditions are taken from them; they contain ids and no secrets, and Airflow
shows both to the same users.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.jobs.job import Job
from airflow.models.renderedtifields import RenderedTaskInstanceFields as RenderedFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import lazyload

if TYPE_CHECKING:
    from sqlalchemy import Select

TRIGGER_CLASS = "airflow_provider_damstra.triggers.wait.DamstraWaitTrigger"
SENSORS = "Damstra%Sensor"
POLLING_STATES = (TaskInstanceState.RUNNING, TaskInstanceState.UP_FOR_RESCHEDULE)

SHOWN_ARGUMENTS = (
    *("lesson_schedule_ids", "user_id", "user_ids", "emp_id", "email_address", "employee_numbers"),
    *("email_addresses", "group_id", "lesson_id", "lesson_ids", "lesson_names", "threshold"),
    *("ilt_session_id", "state", "status", "at", "require_passed", "valid_for"),
)
"""Arguments of conditions and sensors that are shown. A requirement of a training gate is not: it is long."""

_TASK_COLUMNS = (
    *("dag_id", "run_id", "task_id", "map_index", "rendered_map_index"),
    *("operator", "state", "start_date", "trigger_timeout"),
)

MAX_LENGTH = 120


@dataclass(frozen=True, kw_only=True)
class WaitingTask:
    """A task instance that waits.

    :param since: start of the try.
    :param arguments: what it waits for, by name of the argument.
    :param next_poll: time of the next poll, if Airflow knows it.
    :param poll_interval: seconds between two polls, if known.
    :param place: where it is polled.
    :param problem: why it is not polled, or None.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    name: str | None
    operator: str | None
    conn_id: str | None
    since: datetime | None
    arguments: Mapping[str, str]
    next_poll: datetime | None
    poll_interval: float | None
    deadline: datetime | None
    place: str
    problem: str | None


def count_waiting_tasks(dag_ids: Collection[str]) -> int:
    """Return the number of waiting tasks of some DAGs."""
    query = _select_waiting(dag_ids).with_only_columns(func.count())
    with create_session() as session:
        return int(session.scalar(query) or 0)


def list_waiting_tasks(dag_ids: Collection[str], *, limit: int) -> list[WaitingTask]:
    """Return the tasks of some DAGs that have waited longest.

    :param limit: maximum number of tasks.
    """
    next_poll = (
        select(func.max(TaskReschedule.reschedule_date))
        .where(TaskReschedule.ti_id == TaskInstance.id)
        .scalar_subquery()
    )
    columns = (
        *(getattr(TaskInstance, name) for name in _TASK_COLUMNS),
        Trigger,
        Job.latest_heartbeat,
        RenderedFields.rendered_fields,
        next_poll.label("rescheduled_to"),
    )
    query = (
        _select_waiting(dag_ids)
        .outerjoin(Job, Job.id == Trigger.triggerer_id)
        .outerjoin(RenderedFields, _is_same_task_instance())
        .with_only_columns(*columns)
        # Otherwise Airflow's model loads the task instances of the triggers, too.
        .options(lazyload(Trigger.task_instance))
        .order_by(TaskInstance.start_date, TaskInstance.dag_id, TaskInstance.task_id)
        .limit(limit)
    )
    with create_session() as session:
        return [_waiting_task(row) for row in session.execute(query)]


def _select_waiting(dag_ids: Collection[str]) -> Select[Any]:
    is_deferred = and_(TaskInstance.state == TaskInstanceState.DEFERRED, Trigger.classpath == TRIGGER_CLASS)
    is_polling = and_(TaskInstance.state.in_(POLLING_STATES), TaskInstance.operator.like(SENSORS))
    return (
        select(TaskInstance)
        .outerjoin(Trigger, Trigger.id == TaskInstance.trigger_id)
        .where(TaskInstance.dag_id.in_(dag_ids), or_(is_deferred, is_polling))
    )


def _is_same_task_instance() -> Any:
    names = ("dag_id", "task_id", "run_id", "map_index")
    return and_(*(getattr(RenderedFields, name) == getattr(TaskInstance, name) for name in names))


def _waiting_task(row: Any) -> WaitingTask:
    is_deferred = row.state == TaskInstanceState.DEFERRED
    arguments = _trigger_arguments(row.Trigger) if is_deferred else dict(row.rendered_fields or {})
    conn_id = arguments.get("damstra_conn_id")
    return WaitingTask(
        dag_id=row.dag_id,
        run_id=row.run_id,
        task_id=row.task_id,
        map_index=row.map_index,
        name=row.rendered_map_index,
        operator=row.operator,
        conn_id=None if conn_id is None else str(conn_id),
        since=row.start_date or (row.Trigger.created_date if is_deferred else None),
        arguments={
            name: _shorten(arguments[name])
            for name in SHOWN_ARGUMENTS
            if arguments.get(name) not in (None, [])
        },
        next_poll=row.rescheduled_to if row.state == TaskInstanceState.UP_FOR_RESCHEDULE else None,
        poll_interval=_number(arguments.get("poll_interval")),
        deadline=_time(arguments.get("deadline")) or (row.trigger_timeout if is_deferred else None),
        place="triggerer" if is_deferred else "worker",
        problem=_problem(row.Trigger, row.latest_heartbeat) if is_deferred else None,
    )


def _trigger_arguments(trigger: Any) -> dict[str, Any]:
    try:
        return dict(trigger.kwargs)
    except Exception:  # such as another Fernet key
        return {}


def _shorten(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _time(timestamp: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(timestamp, UTC) if isinstance(timestamp, (int, float)) else None
    except (OverflowError, ValueError, OSError):  # a timeout of centuries
        return None


def _problem(trigger: Any, heartbeat: datetime | None) -> str | None:
    """Return why nothing polls for a trigger, or None if its triggerer is alive."""
    if trigger.triggerer_id is None:
        return "no triggerer has taken it yet"
    if heartbeat is None or datetime.now(UTC) - heartbeat > _triggerer_timeout():
        return "its triggerer has stopped; another one takes it, if there is one"
    return None


def _triggerer_timeout() -> timedelta:
    """Return the time since its last heartbeat after which Airflow, too, regards a triggerer as stopped."""
    return timedelta(seconds=conf.getfloat("triggerer", "triggerer_health_check_threshold"))
