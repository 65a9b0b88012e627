"""DAGs of the system tests that events in Damstra start."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from airflow_provider_damstra.triggers.event import DamstraEventTrigger

watched = Asset(
    "watched_by_polling",
    watchers=[
        # Users of the emulator's seed demo.
        AssetWatcher(name="watch", trigger=DamstraEventTrigger(user_ids=[1011, 1012], poll_interval=1))
    ],
)

with DAG(dag_id="on_watched_event", schedule=[watched]):

    @task
    def return_events(triggering_asset_events: Any = None) -> list[list[Any]]:
        """Return the name and lesson schedule of each event."""
        payloads = [event.extra["payload"] for event in triggering_asset_events[watched]]
        return [[payload["name"], payload["lesson_schedule_id"]] for payload in payloads]

    return_events()

with DAG(dag_id="wait_for_webhook", schedule=None, params={"lesson_schedule_id": 0}):
    DamstraLessonScheduleSensor(
        task_id="wait",
        lesson_schedule_ids="{{ params.lesson_schedule_id }}",
        poke_interval=86_400,
        start_from_trigger=True,
        end_from_trigger=True,
    )
