"""DAGs of the system tests that webhooks start."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, IdentityMapper, PartitionedAssetTimetable, task

from airflow_provider_damstra.assets import SCHEDULE_COMPLETED, damstra_event

BURSTS = [f"damstra_burst_{number}" for number in range(8)]

with DAG(dag_id="on_completion", schedule=[damstra_event(SCHEDULE_COMPLETED, conn_id="damstra_large")]):

    @task
    def print_events(triggering_asset_events: Any = None) -> None:
        """Print the events."""
        print([event.extra for events in triggering_asset_events.values() for event in events])

    print_events()

with DAG(
    dag_id="on_completion_of_user",
    schedule=PartitionedAssetTimetable(
        assets=damstra_event(SCHEDULE_COMPLETED, conn_id="damstra_large"),
        default_partition_mapper=IdentityMapper(),
    ),
):
    EmptyOperator(task_id="print_events")

with DAG(
    dag_id="on_burst", schedule=reduce(or_, [damstra_event("all", conn_id=conn_id) for conn_id in BURSTS])
):
    EmptyOperator(task_id="receive")
