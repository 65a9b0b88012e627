"""Recertify a group: schedule a lesson for members whose last completion is missing or too old.

    members -> find due members -> schedule the lesson -> wait for three quarters -> interim report
    -> wait for the others -> final report for the supervisors

Certified members are skipped, so that a second run finds no due member. Each sensor waits for all members,
starts in the triggerer and occupies no worker, even for a month. Members who have not completed the lesson by
then do not fail the run: the report lists them as outstanding. Set a schedule such as @monthly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import DAG, ObjectStoragePath, Param, chain, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.lesson import DamstraScheduleLessonsOperator
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from airflow_provider_damstra.models import User


def certifications(group_id: int, lesson: str) -> Iterator[tuple[User, datetime | None]]:
    """Yield a group's active members with their last completion of any version of a lesson."""
    from airflow_provider_damstra.endpoints import ListGroupMembers, ListUserLessonSchedules

    hook = DamstraHook()
    for user in hook.iterate(ListGroupMembers(group_id=group_id)):
        if user.is_active:
            rows = hook.iterate(ListUserLessonSchedules(user_id=user.id, status="completed"))
            dates = [row.lesson_completed_date for row in rows if row.lesson_name == lesson]
            yield user, max(filter(None, dates), default=None)


def valid_since(context: Any) -> datetime:
    """Return the earliest valid completion date, relative to the date of the run."""
    run_after = pendulum.instance(context["dag_run"].run_after)
    since: datetime = run_after.subtract(months=context["params"]["valid_months"])
    return since


with DAG(
    dag_id="example_damstra_recertification",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "group_id": Param(104, type="integer", description="Group (Haul Truck Operators)"),
        "lesson": Param("Haul Truck Pre-start Checks", type="string", description="Lesson to repeat"),
        "valid_months": Param(12, type="integer", description="Months for which a completion is valid"),
        "grace_days": Param(30, type="integer", description="Days to complete the lesson"),
        "reports": Param("file:///tmp/recertification", type="string", description="Folder for the reports"),
    },
) as dag:

    @task.short_circuit(ignore_downstream_trigger_rules=True)
    def find_due(**context: Any) -> list[int]:
        """Return the ids of due members; without any, the run ends here."""
        params, since = context["params"], valid_since(context)
        certified = certifications(params["group_id"], params["lesson"])
        return [user.id for user, completed in certified if completed is None or completed < since]

    @task
    def report(name: str, **context: Any) -> dict[str, Any]:
        """Write a line for each member, and return the path and the supervisors' addresses."""
        from airflow_provider_damstra.endpoints import ListGroupSupervisors
        from airflow_provider_damstra.exports.csv_files import escape_formulas, format_csv

        params, since = context["params"], valid_since(context)
        lines = [["employee_number", "name", "last_completed", "status"]]
        for user, completed in certifications(params["group_id"], params["lesson"]):
            status = "certified" if completed and completed >= since else "outstanding"
            day = completed.date().isoformat() if completed else ""
            lines.append([user.employee_number or "", user.full_name, day, status])
        path = ObjectStoragePath(params["reports"]) / f"{context['dag_run'].run_after:%Y-%m-%d}-{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names can contain formulas, which a spreadsheet would evaluate.
        path.write_text(format_csv(map(escape_formulas, line) for line in lines))
        supervisors = DamstraHook().iterate(ListGroupSupervisors(group_id=params["group_id"]))
        return {"path": str(path), "supervisors": [user.email_address for user in supervisors]}

    due: Any = find_due()
    schedule = DamstraScheduleLessonsOperator(
        task_id="schedule_lesson",
        user_ids=due,
        lesson_names="{{ params.lesson }}",
        grace_period="{{ params.grace_days }}",
    )
    sensor_arguments: dict[str, Any] = {
        "lesson_schedule_ids": schedule.output,
        "start_from_trigger": True,
        "soft_fail": True,
        "poke_interval": 300,
        "timeout": pendulum.duration(days=30),
    }
    most = DamstraLessonScheduleSensor(task_id="wait_for_most", wait_for=0.75, **sensor_arguments)
    all_members = DamstraLessonScheduleSensor(task_id="wait_for_all", **sensor_arguments)
    interim: Any = report.override(task_id="interim_report")("interim")
    final: Any = report.override(task_id="final_report", trigger_rule="none_failed")("final")
    chain(most, interim, all_members, final)

if __name__ == "__main__":
    dag.test()
