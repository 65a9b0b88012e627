"""DAG of the system tests: strict operators whose first try is killed."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraCreateGroupOperator,
)

with DAG(
    dag_id="strict_operators",
    schedule=None,
    default_args={
        "damstra_conn_id": "damstra_large",
        "retries": 1,
        "retry_delay": timedelta(seconds=1),
    },
    params={"user_ids": []},
):
    created = DamstraCreateGroupOperator(
        task_id="create", name="Strict", description="Killed once", if_exists="fail"
    )
    DamstraAddGroupMembersOperator(
        task_id="join", group_id=created.output, user_ids="{{ params.user_ids }}", strict=True
    )
