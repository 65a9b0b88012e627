"""Insert a run of deferred tasks: ``python -m benchmarks.triggerers.database`` in Airflow's environment."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import TaskDeferred
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import insert

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from benchmarks.triggerers.cluster import DAG_ID, LAG_TRIGGERS
from benchmarks.triggerers.lag import LoopLagTrigger
from benchmarks.waits.scenario import Scenario

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

RUN_ID = "benchmark"
BATCH = 1000
TriggerFactory = Callable[[int], "BaseTrigger"]


def damstra(scenario: Scenario) -> TriggerFactory:
    """Return the triggers of a sensor that has polled once and deferred."""
    sensor = DamstraLessonScheduleSensor(
        task_id="wait",
        lesson_schedule_ids={"user_id": scenario.user_of(1), "lesson_schedule_ids": [1]},
        deferrable=True,
        poke_interval=scenario.interval,
    )
    try:
        sensor.execute(cast("Any", {}))
    except TaskDeferred as deferred:
        kind, (_, arguments) = type(deferred.trigger), deferred.trigger.serialize()
    if (arguments["lesson_schedule_ids"], arguments["users_by_schedule"]) != ([1], {"1": 1}):
        raise ValueError(f"The sensor defers with other arguments: {arguments}")
    return lambda schedule: kind(
        **{
            **arguments,
            "lesson_schedule_ids": [schedule],
            "users_by_schedule": {str(schedule): scenario.user_of(schedule)},
        }
    )


def date_time(scenario: Scenario) -> TriggerFactory:
    """Return Airflow's triggers of the same times."""
    never = scenario.start + timedelta(days=7).total_seconds()

    def create(schedule: int) -> BaseTrigger:
        at = scenario.completed_at[schedule - 1]
        return DateTimeTrigger(datetime.fromtimestamp(never if math.isinf(at) else at, UTC))

    return create


CONTENDERS = {"damstra": damstra, "DateTimeTrigger": date_time}


def triggers(
    scenario: Scenario, create: TriggerFactory, lag_folder: str
) -> Iterator[tuple[str, int, BaseTrigger]]:
    """Yield task id, map index and trigger of each deferred task."""
    step = scenario.waits // LAG_TRIGGERS
    for schedule in range(1, scenario.waits + 1):
        if schedule % step == 0:
            yield "lag", schedule, LoopLagTrigger(lag_folder)
        yield "wait", schedule, create(schedule)


def insert_run(rows: list[tuple[str, int, BaseTrigger]]) -> None:
    """Insert a running DAG run whose tasks are all deferred."""
    now = datetime.now(UTC)
    with create_session() as session:
        version = DagVersion.get_latest_version(DAG_ID, session=session)
        if version is None:
            raise ValueError(f"Airflow has not loaded the DAG {DAG_ID}.")
        run = DagRun(
            dag_id=DAG_ID,
            run_id=RUN_ID,
            run_type=DagRunType.MANUAL,
            state=DagRunState.RUNNING,
            run_after=now,
            start_date=now,
            triggered_by=DagRunTriggeredByType.TEST,
        )
        run.created_dag_version_id = version.id
        session.add(run)
        session.flush()
        for first in range(0, len(rows), BATCH):
            batch = rows[first : first + BATCH]
            stored = [Trigger.from_object(trigger) for _, _, trigger in batch]
            session.add_all(stored)
            session.flush()
            tasks = [
                {
                    "dag_id": DAG_ID,
                    "run_id": RUN_ID,
                    "task_id": task_id,
                    "map_index": map_index,
                    "state": TaskInstanceState.DEFERRED,
                    "trigger_id": trigger.id,
                    "try_number": 1,
                    "pool": "default_pool",
                    "queue": "default",
                    "priority_weight": 1,
                    "start_date": now,
                    "trigger_timeout": now + timedelta(days=7),
                    "next_method": "execute_complete",
                    "next_kwargs": {},
                    "dag_version_id": version.id,
                    "executor_config": {},
                    "operator": "DamstraLessonScheduleSensor",
                }
                for (task_id, map_index, _), trigger in zip(batch, stored, strict=True)
            ]
            session.execute(insert(TaskInstance), tasks)


def main() -> None:
    """Insert the tasks of one contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("lag_folder")
    given = parser.parse_args()
    scenario = Scenario(**given.scenario)
    create = CONTENDERS[given.contender](scenario)
    insert_run(list(triggers(scenario, create, given.lag_folder)))


if __name__ == "__main__":
    main()
