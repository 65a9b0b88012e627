"""Load the learning record into a PostgreSQL database every night, for BI tools.

    users, groups, lessons, ILT sessions -+
    group members                        -+-> one table per resource, created by the first run -> views
    lesson schedules of all users        -+

Group members are replaced in one transaction: former members are deleted, and readers never see a partial
table. The other tables are updated in place and keep deleted rows, as training records are needed for
years. The history of the lesson schedules answers who was trained at any time since the first run; the views
damstra_training_record, damstra_training_status and damstra_current_matrix show the present.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_damstra.transfers.sql_views import DamstraCreateSqlViewsOperator
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator

REPLACED = ("group_members",)
UPDATED = ("users", "groups", "lessons", "ilt_sessions", "ilt_attendees", "lesson_schedules")
VIEWED = ("users", "lesson_schedules", "groups", "group_members")

with DAG(
    dag_id="example_damstra_warehouse",
    schedule="0 3 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "conn_id": Param("postgres_default", type="string", description="Connection to the database"),
        "schema": Param("public", type="string", description="Schema of the tables"),
    },
) as dag:
    views = DamstraCreateSqlViewsOperator(
        task_id="create_views",
        sql_conn_id="{{ params.conn_id }}",
        schema="{{ params.schema }}",
        tables={resource: f"damstra_{resource}" for resource in VIEWED},
        view_prefix="damstra_",
    )
    for resource in (*UPDATED, *REPLACED):
        load = DamstraToSqlOperator(
            task_id=f"load_{resource}",
            resource=resource,
            sql_conn_id="{{ params.conn_id }}",
            schema="{{ params.schema }}",
            table=f"damstra_{resource}",
            write_mode="replace" if resource in REPLACED else "upsert",
            history=resource == "lesson_schedules",
            on_failed_parent="skip",
        )
        if resource in VIEWED:
            load >> views

if __name__ == "__main__":
    dag.test()
