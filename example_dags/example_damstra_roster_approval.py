"""Have the changes of an HR extract approved before they are made.

    extract (CSV) -> plan (nothing is changed) -> approval in Airflow's UI -> exactly this plan

The plan is a file, which the worker's user can read, and its numbers are in the question under *Required
Actions* (Airflow 3.1 or newer). If the extract or the account has changed since, the approved plan is not
carried out any more. Without a response within a day nothing changes.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, chain

from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator

with DAG(
    dag_id="example_damstra_roster_approval",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    max_active_runs=1,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={
        "retries": 2,
        "retry_delay": pendulum.duration(seconds=10),
        "users_path": "{{ params.extract }}",
        "group_id": "{{ params.group_id }}",
        "group_column": "group",
    },
    params={
        "extract": Param("file:///tmp/roster.csv", type="string", description="CSV of the members"),
        "plan": Param("file:///tmp/roster_plan.jsonl", type="string", description="File for the plan"),
        "group_id": Param(107, type="integer", description="The group whose members are in the extract"),
    },
) as dag:
    plan = DamstraSyncUsersOperator(
        task_id="plan", dry_run=True, plan_path="{{ params.plan }}", max_inactivations=None
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Change users in Damstra Learning?",
        body="{{ ti.xcom_pull('plan', key='counts') }}\n\nThe plan: {{ ti.xcom_pull('plan', key='path') }}",
        response_timeout=timedelta(days=1),
        defaults=ApprovalOperator.REJECT,
    )
    sync = DamstraSyncUsersOperator(
        task_id="sync_users", plan_digest=plan.output["plan_digest"], max_inactivations=None
    )
    chain(plan, approve, sync)

if __name__ == "__main__":
    dag.test()
