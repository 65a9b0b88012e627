"""Export the learning record to a data lake every night, lesson schedules incrementally.

    users --> changed and deleted lesson schedules of these users -+
    lessons, ILT sessions, group members                          -+--> files with row counts and digests

Parquet files have typed columns. Lesson schedules are JSON lines with each row as Damstra sent it, so that
no field is lost; ``full_refresh`` exports all of them again. If a user is deleted during the export, the
result names the user and the run does not fail. A killed export resumes from its checkpoint. Each
export has an asset on which other DAGs can be scheduled: its event contains the file and the date.
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
        "full_refresh": Param(False, type="boolean", description="Export all lesson schedules again"),
    },
) as dag:
    folder = "{{ params.lake }}/damstra/{{ dag_run.run_after.strftime('%Y-%m-%d') }}"

    full_exports = {
        resource: DamstraExportOperator(
            task_id=f"export_{resource}",
            resource=resource,
            target_path=f"{folder}/{resource}.parquet",
            file_format="parquet",
            compression="zstd",
        )
        for resource in ("users", "lessons", "ilt_sessions", "group_members")
    }

    DamstraExportOperator(
        task_id="export_lesson_schedules",
        resource="lesson_schedules",
        parent_ids_path=full_exports["users"].output["uri"],
        target_path=f"{folder}/lesson_schedules.jsonl.gz",
        compression="gzip",
        incremental=True,
        full_refresh="{{ params.full_refresh }}",
        find_deleted=True,
        on_failed_parent="skip",
    )

if __name__ == "__main__":
    dag.test()
