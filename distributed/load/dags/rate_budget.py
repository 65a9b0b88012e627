"""Keep a fleet-wide rate of requests with a pool that includes deferred tasks."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor

CONN_ID = "damstra_budget"
POOL = "damstra_budget"

with DAG(
    dag_id="rate_budget",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    params={
        "calls": Param([], type="array", description="User ids, one list for each task"),
        "waits": Param([], type="array", description="Lesson schedules to wait for"),
    },
    render_template_as_native_obj=True,
    default_args={"pool": POOL, "retries": 2},
):

    @task
    def lists(name: str, **context: object) -> list[object]:
        """Return a parameter, for mapped tasks."""
        return list(context["params"][name])  # type: ignore[index]

    @task
    def read_users(user_ids: list[int]) -> int:
        """Read users one after the other, as fast as the connection permits."""
        from airflow_provider_damstra.endpoints import GetUser

        hook = DamstraHook(damstra_conn_id=CONN_ID)
        return len([hook.call(GetUser(user_id=user_id)) for user_id in user_ids])

    read_users.expand(user_ids=lists.override(task_id="list_calls")("calls"))
    DamstraLessonScheduleSensor.partial(
        task_id="wait", damstra_conn_id=CONN_ID, deferrable=True, poke_interval=5, timeout=600
    ).expand(lesson_schedule_ids=lists.override(task_id="list_waits")("waits"))
