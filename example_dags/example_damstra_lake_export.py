"""Copy the learning record to the data lake every night: all of what is small, of the schedules what is new.

    users --> schedules of these users, what changed and what is gone -+
    lessons, ILT sessions, who is in which group                      -+--> files, with rows and digests

Parquet has typed columns for whoever reads the lake. The schedules are JSON lines, each row as Damstra sent
it, so that no column is lost that somebody asks for next year; ``full_refresh`` writes all of them again. A
user who vanishes while the schedules are read is left out and named in the result, instead of failing the
night's run, and an export of 50,000 users that is killed goes on where it was. Each file is an asset that
other DAGs can wait for.
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
        "full_refresh": Param(False, type="boolean", description="Write all lesson schedules again"),
    },
) as dag:
    folder = "{{ params.lake }}/damstra/{{ dag_run.run_after.strftime('%Y-%m-%d') }}"

    everything = {
        resource: DamstraExportOperator(
            task_id=f"export_{resource}",
            resource=resource,
            target_path=f"{folder}/{resource}.parquet",
            file_format="parquet",
            compression="zstd",
        )
        for resource in ("users", "lessons", "ilt_sessions", "group_members")
    }

    schedules = DamstraExportOperator(
        task_id="export_lesson_schedules",
        resource="lesson_schedules",
        parent_ids_path="{{ ti.xcom_pull('export_users')['uri'] }}",
        target_path=f"{folder}/lesson_schedules.jsonl.gz",
        compression="gzip",
        incremental=True,
        full_refresh="{{ params.full_refresh }}",
        find_deleted=True,
        on_failed_parent="skip",
    )

    everything["users"] >> schedules

if __name__ == "__main__":
    dag.test()
