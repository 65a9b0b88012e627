"""Write the lessons completed since the last file to a CSV file each night: course, number, date, result.

    completions of the last 31 days -> a file with those that no earlier file has

The receipts in the folder show what earlier files have, so that a completion that was recorded late, or a
night without a run, leaves no gap (docs/how-to/completion-delivery.md). For a backfill, trigger it with more
days.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_damstra.transfers.completion_delivery import DamstraDeliverCompletionsOperator

with DAG(
    dag_id="example_damstra_completion_file",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "days": Param(31, type="integer", minimum=1, description="Days in which lessons were completed"),
        "folder": Param("file:///tmp/completions", type="string", description="Folder of files and receipts"),
    },
) as dag:
    DamstraDeliverCompletionsOperator(
        task_id="deliver",
        completed_from="{{ dag_run.run_after - macros.timedelta(days=params.days) }}",
        target_path="{{ params.folder }}/{{ run_id }}.csv",
        receipt_path="{{ params.folder }}/receipts",
        safe_for_spreadsheets=True,
    )

if __name__ == "__main__":
    dag.test()
