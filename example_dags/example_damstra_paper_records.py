"""Import completions that were recorded on paper at sites without a network.

    records (CSV) -> wait until HR's system has created each user -> record the completions
    -> wait until each user has completed the required lessons

Each user and each record has a mapped task. Existing completions are not recorded again, so that the same
file, or a longer one, can be imported repeatedly.
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
        "recorded_by": Param(
            1002, type="integer", description="User who records the completions (Data Import)"
        ),
        "required": Param(
            [201, 203],
            type="array",
            items={"type": "integer"},
            description="Required lessons (Site Induction, Manual Handling)",
        ),
    },
) as dag:

    @task
    def read_records(**context: Any) -> list[dict[str, str]]:
        """Return the rows of the file."""
        lines = ObjectStoragePath(context["params"]["records"]).read_text(encoding="utf-8-sig").splitlines()
        return list(csv.DictReader(lines))

    @task
    def list_employee_numbers(records: list[dict[str, str]]) -> list[str]:
        """Return the distinct employee numbers."""
        return list(dict.fromkeys(record["employee_number"] for record in records))

    @task
    def list_users(results: Any) -> list[int]:
        """Return the user ids in the order of the employee numbers."""
        return [user_id for user_ids in results for user_id in user_ids]

    @task
    def list_completions(
        records: list[dict[str, str]], employee_numbers: list[str], user_ids: list[int]
    ) -> list[dict[str, Any]]:
        """Return the completions to record, at noon of their day in the time zone of the site."""
        from airflow_provider_damstra.endpoints import ListLessons

        lesson_ids = {lesson.name: lesson.lesson_id for lesson in DamstraHook().iterate(ListLessons())}
        users_by_number = dict(zip(employee_numbers, user_ids, strict=True))
        return [
            {
                "user_id": users_by_number[record["employee_number"]],
                "lesson_id": lesson_ids[record["lesson"]],
                "completed_date": f"{record['day']}T12:00:00+08:00",
            }
            for record in records
        ]

    records: Any = read_records()
    employee_numbers: Any = list_employee_numbers(records)
    users = DamstraUserSensor.partial(
        task_id="wait_for_user",
        deferrable=True,
        poke_interval=300,
        timeout=pendulum.duration(days=3),
    ).expand(emp_id=employee_numbers)
    user_ids: Any = list_users(users.output)
    completed = DamstraCompleteLessonOperator.partial(
        task_id="record_completion", manually_completed_by_user_id="{{ params.recorded_by }}"
    ).expand_kwargs(list_completions(records, employee_numbers, user_ids))
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
