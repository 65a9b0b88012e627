"""Deliver completed lessons to an HR system: person, lesson, result and certificate.

    webhook: lesson completed -> one request to the HR system for each completion, with a receipt

Started by Damstra's webhook (setup: docs/how-to/events.md). The HR system is the HTTP connection of the
parameter. For a backfill, trigger the DAG with a time in *completed from*: it delivers what has no receipt
yet, of all users. A killed task continues where it stopped, and a completion that is sent twice has the same
idempotency key (docs/how-to/completion-delivery.md). The same to a file: example_damstra_completion_file.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_damstra.assets import TRIGGERING_LESSON_SCHEDULE_IDS, damstra_event
from airflow_provider_damstra.transfers.completion_delivery import DamstraDeliverCompletionsOperator

with DAG(
    dag_id="example_damstra_completion_delivery",
    schedule=[damstra_event("lesson.schedule.completed")],
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "http_conn_id": Param("hr", type="string", description="HTTP connection of the HR system"),
        "receipts": Param("file:///tmp/completion-receipts", type="string", description="Folder of receipts"),
        "completed_from": Param(None, type=["null", "string"], format="date-time", title="completed from"),
    },
) as dag:
    DamstraDeliverCompletionsOperator(
        task_id="deliver",
        lesson_schedule_ids=TRIGGERING_LESSON_SCHEDULE_IDS,
        completed_from="{{ params.completed_from }}",
        http_conn_id="{{ params.http_conn_id }}",
        endpoint="training/completions",
        receipt_path="{{ params.receipts }}",
    )

if __name__ == "__main__":
    dag.test()
