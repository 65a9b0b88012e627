"""Schedule the next lesson of a learning path as soon as a user completes one.

    webhook: lesson completed -> users -> first lesson of the path not completed -> schedule the lesson

Started by Damstra's webhook (setup: docs/how-to/events.md). With asset partitions (Airflow 3.2) each user has
a separate run, whose partition key is the user id; before 3.2 a run processes all completions received
together. The next lesson is derived from the user's completed lessons, not from the event, so that repeated
events and retries schedule nothing twice.
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
            description="Lessons in order",
        ),
        "grace_days": Param(14, type="integer", description="Days to complete each lesson"),
    },
) as dag:

    @task
    def find_users(dag_run: Any = None, triggering_asset_events: Any = None) -> list[int]:
        """Return the ids of the users of this run."""
        if key := getattr(dag_run, "partition_key", None):
            return [int(key)]
        events = [event for events in triggering_asset_events.values() for event in events]
        return sorted({event.extra["payload"]["user_id"] for event in events})

    @task
    def find_next_lessons(user_ids: list[int], params: Any = None) -> list[dict[str, Any]]:
        """Return the next lesson of each active user who is not scheduled for it yet."""
        from airflow_provider_damstra.endpoints import GetUser, ListUserLessonSchedules

        hook = DamstraHook()
        next_lessons = []
        for user_id in user_ids:
            rows = list(hook.iterate(ListUserLessonSchedules(user_id=user_id)))
            completed_lessons = {row.lesson_name for row in rows if row.is_completed}
            open_lessons = {row.lesson_name for row in rows if row.is_open}
            missing = [lesson for lesson in params["path"] if lesson not in completed_lessons]
            if missing and missing[0] not in open_lessons and hook.call(GetUser(user_id=user_id)).is_active:
                next_lessons.append({"user_ids": user_id, "lesson_names": missing[0]})
        return next_lessons

    user_ids: Any = find_users()
    DamstraScheduleLessonsOperator.partial(
        task_id="schedule_lesson", grace_period="{{ params.grace_days }}"
    ).expand_kwargs(find_next_lessons(user_ids))

if __name__ == "__main__":
    dag.test()
