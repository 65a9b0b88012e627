"""Take in what was recorded on paper: who completed which lesson on which day, out where there is no network.

    records (CSV) -> wait for the people whom HR's system still has to create -> completions recorded
    -> wait until everybody has completed all that is required

Each person and each record has a task of its own. A record that is there already is not recorded again, so
the same file, or one that has grown, can be taken in every day.
"""

from __future__ import annotations

import csv
from typing import Any

import pendulum
from airflow.sdk import DAG, ObjectStoragePath, Param, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.lesson import DamstraCompleteLessonOperator
from airflow_provider_damstra.sensors.lesson_schedule import DamstraUserLessonsSensor
from airflow_provider_damstra.sensors.user import DamstraUserSensor

with DAG(
    dag_id="example_damstra_paper_records",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "records": Param(
            "file:///tmp/paper_records.csv", type="string", description="CSV: employee_number, lesson, day"
        ),
        "recorded_by": Param(1002, type="integer", description="User who vouches for them (Data Import)"),
        "required": Param(
            [201, 203],
            type="array",
            items={"type": "integer"},
            description="Lessons that everybody needs (Site Induction, Manual Handling)",
        ),
    },
) as dag:

    @task
    def read_records(**context: Any) -> list[dict[str, str]]:
        """Return the rows."""
        lines = ObjectStoragePath(context["params"]["records"]).read_text(encoding="utf-8-sig").splitlines()
        return list(csv.DictReader(lines))

    @task
    def list_people(records: list[dict[str, str]]) -> list[str]:
        """Return the employee numbers, each once."""
        return list(dict.fromkeys(record["employee_number"] for record in records))

    @task
    def list_users(found: Any) -> list[int]:
        """Return the user ids, in the order of the people."""
        return [user_id for user_ids in found for user_id in user_ids]

    @task
    def list_completions(
        records: list[dict[str, str]], people: list[str], user_ids: list[int]
    ) -> list[dict[str, Any]]:
        """Return what is to be recorded. Paper knows the day, not the hour: noon at the site."""
        from airflow_provider_damstra.endpoints import ListLessons

        lesson_ids = {lesson.name: lesson.lesson_id for lesson in DamstraHook().iterate(ListLessons())}
        users = dict(zip(people, user_ids, strict=True))
        return [
            {
                "user_id": users[record["employee_number"]],
                "lesson_id": lesson_ids[record["lesson"]],
                "completed_date": f"{record['day']}T12:00:00+08:00",
            }
            for record in records
        ]

    records: Any = read_records()
    people: Any = list_people(records)
    found = DamstraUserSensor.partial(
        task_id="wait_for_person",
        deferrable=True,
        poke_interval=300,
        timeout=pendulum.duration(days=3),
    ).expand(emp_id=people)
    user_ids: Any = list_users(found.output)
    completed = DamstraCompleteLessonOperator.partial(
        task_id="record_completion", manually_completed_by_user_id="{{ params.recorded_by }}"
    ).expand_kwargs(list_completions(records, people, user_ids))
    required = DamstraUserLessonsSensor.partial(
        task_id="wait_for_required_lessons",
        lesson_ids="{{ params.required }}",
        deferrable=True,
        poke_interval=300,
        timeout=pendulum.duration(days=14),
    ).expand(user_id=user_ids)
    completed >> required

if __name__ == "__main__":
    dag.test()
