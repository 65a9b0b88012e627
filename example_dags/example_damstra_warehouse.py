"""Load the learning record into a PostgreSQL database every night, for BI tools.

    users, groups, lessons, ILT sessions -+
    group members                        -+-> one table per resource, created by the first run
    lesson schedules of all users        -+

Group members are replaced in one transaction: former members are deleted, and readers never see a partial
table. The other tables are updated in place and keep deleted rows, as training records are needed for
years.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator

REPLACED = ("group_members",)
UPDATED = ("users", "groups", "lessons", "ilt_sessions", "ilt_attendees", "lesson_schedules")

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
    for resource in (*UPDATED, *REPLACED):
        DamstraToSqlOperator(
            task_id=f"load_{resource}",
            resource=resource,
            sql_conn_id="{{ params.conn_id }}",
            schema="{{ params.schema }}",
            table=f"damstra_{resource}",
            write_mode="replace" if resource in REPLACED else "upsert",
            on_failed_parent="skip",
        )

if __name__ == "__main__":
    dag.test()
