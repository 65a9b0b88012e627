"""Copy the learning record to the data lake every night, a file for each resource and day.

    users, lessons, ILT sessions -+
    who is in which group        -+-> files with their number of rows
    every user's schedules       -+

JSON lines hold each row as Damstra sent it, so no column is lost that somebody asks for next year. A user who
vanishes while the schedules are read is left out and named in the result, instead of failing the night's run.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_damstra.transfers.export import DamstraExportOperator

with DAG(
    dag_id="example_damstra_lake_export",
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "lake": Param("file:///tmp/lake", type="string", description="Folder on any object storage"),
    },
) as dag:
    folder = "{{ params.lake }}/damstra/{{ dag_run.run_after.strftime('%Y-%m-%d') }}"

    for resource in ("users", "lessons", "ilt_sessions", "group_members", "lesson_schedules"):
        DamstraExportOperator(
            task_id=f"export_{resource}",
            resource=resource,
            target_path=f"{folder}/{resource}.jsonl.gz",
            compression="gzip",
            on_failed_parent="skip",
        )

if __name__ == "__main__":
    dag.test()
