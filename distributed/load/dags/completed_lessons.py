"""Receive completed lessons: by webhook, and by reconciliation those that no webhook delivered."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_damstra.assets import damstra_event
from airflow_provider_damstra.triggers.event import DamstraEventTrigger

WATCHED_USERS = range(1011, 1038)
"""All active trainees of the emulator's demo data."""

completed = damstra_event("lesson.schedule.completed")
missed = Asset(
    "damstra_reconciliation",
    watchers=[
        AssetWatcher(
            name="damstra",
            trigger=DamstraEventTrigger(
                user_ids=list(WATCHED_USERS),
                events=["lesson.schedule.completed"],
                reconcile=True,
                poll_interval=20,
            ),
        )
    ],
)

with DAG(
    dag_id="completed_lessons",
    schedule=completed | missed,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 12, "retry_delay": pendulum.duration(seconds=2)},
):

    @task
    def collect(**context: object) -> list[int]:
        """Return the completed lesson schedules."""
        events = context["triggering_asset_events"][completed]  # type: ignore[index]
        return [event.extra["payload"]["lesson_schedule_id"] for event in events]

    collect()
