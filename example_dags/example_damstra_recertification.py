"""Schedule each day what people have to do again by training rules, and tell supervisors what is new.

    evaluate the rules, schedule what is due -> list supervisors -> tell each of them about new assignments

Due is what is missing, has expired, or expires within the time that warn_before names, unless it is scheduled
already: a second run on the same day schedules nothing and sends no message. The file has a row for each
person and lesson with its dates. Look at the plan in the log with dry_run first. If more than max_scheduled
lessons are due, the run fails and nothing is scheduled. Replace the last line of tell_supervisor by a mail.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task

from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator

RULES = """\
- lessons: [Haul Truck Pre-start Checks]
  groups: [Haul Truck Operators]
  valid_for: 12 months
  warn_before: 30 days
  grace_period: 30 days
"""

with DAG(
    dag_id="example_damstra_recertification",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "rules": Param(RULES, type="string", format="multiline", description="Training rules"),
        "folder": Param("file:///tmp/recertification", type="string", description="Folder for the files"),
        "dry_run": Param(False, type="boolean", description="Only make the plan"),
    },
) as dag:
    schedule_due = DamstraTrainingStatusOperator(
        task_id="schedule_due",
        requirements="{{ params.rules }}",
        target_path="{{ params.folder }}/{{ dag_run.run_after.strftime('%Y-%m-%d') }}.csv",
        file_format="csv",
        safe_for_spreadsheets=True,
        schedule_due=True,
        dry_run="{{ params.dry_run }}",
        max_scheduled=200,
        on_failed_user="skip",
        include_supervisors=True,
    )

    @task
    def list_supervisors(supervisors: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the supervisors with new assignments: Airflow maps only over the result of a task."""
        return supervisors

    @task
    def tell_supervisor(supervisor: dict[str, Any]) -> None:
        """Tell a supervisor who got which lesson."""
        for person in supervisor["assignments"]:
            lessons = ", ".join(lesson["lesson_name"] for lesson in person["lessons"])
            print(f"To {supervisor['email_address']}: {person['name']} was scheduled to {lessons}.")

    supervisors: Any = schedule_due.output["supervisors"]
    tell_supervisor.expand(supervisor=list_supervisors(supervisors))

if __name__ == "__main__":
    dag.test()
