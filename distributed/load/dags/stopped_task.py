"""A task that is stopped by a user after it has created a group."""

from __future__ import annotations

import threading
from typing import Any

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_damstra.operators.group import DamstraCreateGroupOperator


def wait_to_be_stopped(context: Any, result: Any) -> None:
    """Keep the task running after its request."""
    threading.Event().wait(300)


with DAG(
    dag_id="stopped_task",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    params={"group": Param("Stopped", type="string")},
):
    DamstraCreateGroupOperator(
        task_id="create_group",
        name="{{ params.group }}",
        description="Created by a task that is stopped",
        cancel_on_kill=True,
        post_execute=wait_to_be_stopped,
    )
