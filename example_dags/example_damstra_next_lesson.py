"""Whoever completes a lesson of a learning path is scheduled to the next one, at once.

    a lesson is completed -> who -> the first lesson of the path that this person lacks -> scheduled

Damstra's webhook starts it (see docs/events.md to set it up). Where Airflow has asset partitions (3.2), each
person has a run of their own, whose partition key is the user id; before it, a run is about all whose
completions came together. What is next follows from what the person has done, not from the event: an event
that comes twice, or a task that is retried, schedules nothing twice.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_damstra.assets import damstra_event
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator

completed = damstra_event("lesson.schedule.completed")
try:
    from airflow.sdk import PartitionedAssetTimetable
except ImportError:
    schedule: Any = [completed]
else:
    schedule = PartitionedAssetTimetable(assets=completed)

with DAG(
    dag_id="example_damstra_next_lesson",
    schedule=schedule,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "path": Param(
            ["Site Induction", "Manual Handling", "Haul Truck Pre-start Checks"],
            type="array",
            items={"type": "string"},
            description="Lessons in their order",
        ),
        "grace_days": Param(14, type="integer", description="Days to do each lesson in"),
    },
) as dag:

    @task
    def find_people(dag_run: Any = None, triggering_asset_events: Any = None) -> list[int]:
        """Return the ids of the users whom the run is about."""
        if key := getattr(dag_run, "partition_key", None):
            return [int(key)]
        events = [event for events in triggering_asset_events.values() for event in events]
        return sorted({event.extra["payload"]["user_id"] for event in events})

    @task
    def find_next_lessons(user_ids: list[int], params: Any = None) -> list[dict[str, Any]]:
        """Return for each of them the next lesson; nothing for who has all, is under way, or has left."""
        from airflow_provider_damstra.endpoints import GetUser, ListUserLessonSchedules

        hook = DamstraHook()
        found = []
        for user_id in user_ids:
            rows = list(hook.iterate(ListUserLessonSchedules(user_id=user_id)))
            done = {row.lesson_name for row in rows if row.is_completed}
            under_way = {row.lesson_name for row in rows if row.is_open}
            lacking = [lesson for lesson in params["path"] if lesson not in done]
            if lacking and lacking[0] not in under_way and hook.call(GetUser(user_id=user_id)).is_active:
                found.append({"user_ids": user_id, "lesson_names": lacking[0]})
        return found

    people: Any = find_people()
    DamstraScheduleLessonsOperator.partial(
        task_id="schedule_lesson", grace_period="{{ params.grace_days }}"
    ).expand_kwargs(find_next_lessons(people))

if __name__ == "__main__":
    dag.test()
