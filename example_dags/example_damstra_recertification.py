"""Schedule each day what people have to do again by training rules, and tell supervisors what is new.

    evaluate the rules, schedule what is due -> tell supervisors about new assignments

Due is what is missing, has expired, or expires within the time that warn_before names, unless it is scheduled
already: a second run on the same day schedules nothing and names no supervisor. The file has a row for each
person and lesson with its dates. Check the plan in the log with dry_run first. If more than max_scheduled
lessons are due, the run fails and nothing is scheduled. Replace the last line of tell_supervisors by a mail.
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
    def tell_supervisors(supervisors: list[dict[str, Any]]) -> None:
        """Tell each supervisor which people have new assignments."""
        for supervisor in supervisors:
            names = ", ".join(person["name"] for person in supervisor["assignments"])
            print(f"To {supervisor['email_address']}: new lessons were scheduled for {names}.")

    supervisors: Any = schedule_due.output["supervisors"]
    tell_supervisors(supervisors)

if __name__ == "__main__":
    dag.test()
