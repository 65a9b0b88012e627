"""Keep the learning record in a PostgreSQL database, where the BI tools are, up to date every night.

    users, groups, lessons, ILT sessions -+
    who is in which group                -+-> a table each, made at the first run
    every user's schedules               -+

Who is in which group is replaced as a whole, in one transaction, so that those who left are gone and no
report ever sees half a table. The others are updated in place and keep those who are gone: training records
are asked for years later.
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
