"""Write the training matrix of a site each month: the status of each lesson for each user.

    matrix as HTML (for a mail) and as CSV (for a spreadsheet) -> list users with overdue lessons

Both include the members of child groups. The file names contain the month; a repeated run replaces the
files. The HTML file loads no other resources: pass its content as the html_content of a mail.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import pendulum
from airflow.sdk import DAG, ObjectStoragePath, Param, task

from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator

with DAG(
    dag_id="example_damstra_training_matrix",
    schedule="@monthly",
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "group_id": Param(101, type="integer", description="Group (Kalgoorlie Mine)"),
        "folder": Param("file:///tmp/training-matrix", type="string", description="Folder for the files"),
    },
) as dag:
    month = "{{ dag_run.run_after.astimezone(dag.timezone).strftime('%Y-%m') }}"
    arguments: dict[str, Any] = {
        "group_id": "{{ params.group_id }}",
        "include_child_groups": True,
        "time_zone": "Australia/Perth",
    }
    page = DamstraTrainingMatrixOperator(
        task_id="write_page",
        target_path="{{ params.folder }}/" + month + ".html",
        title=f"Training at the mine, {month}",
        **arguments,
    )
    sheet = DamstraTrainingMatrixOperator(
        task_id="write_sheet",
        target_path="{{ params.folder }}/" + month + ".csv",
        file_format="csv",
        **arguments,
    )

    @task
    def list_overdue(matrix: dict[str, Any]) -> list[str]:
        """Return the employee numbers of users with an overdue lesson."""
        text = ObjectStoragePath(matrix["uri"]).read_text(encoding="utf-8-sig")
        rows = csv.DictReader(io.StringIO(text))
        return [row["employee_number"] for row in rows if "overdue" in row.values()]

    written: Any = sheet.output
    overdue: Any = list_overdue(written)
    page >> overdue

if __name__ == "__main__":
    dag.test()
