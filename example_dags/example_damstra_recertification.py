"""Recertify a group: whoever's last completion of a lesson is too old, or who never did it, does it (again).

    members -> who is due -> lesson scheduled -> wait for most of them -> interim report for the supervisors
    -> wait for the rest -> final report

Nobody who is still certified is bothered, and a second run finds nobody due. One wait serves all people; it
starts in the triggerer, and takes no worker though it may last a month. Whoever has not done the lesson by
then does not fail the run: the report names them. Give it a schedule of its own, such as @monthly.
"""

from __future__ import annotations

import csv
import io
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
    """Yield a group's active members, and when each last completed a lesson, in whichever version."""
    from airflow_provider_damstra.endpoints import ListGroupMembers, ListUserLessonSchedules

    hook = DamstraHook()
    for user in hook.iterate(ListGroupMembers(group_id=group_id)):
        if user.is_active:
            rows = hook.iterate(ListUserLessonSchedules(user_id=user.id, status="completed"))
            dates = [row.lesson_completed_date for row in rows if row.lesson_name == lesson]
            yield user, max(filter(None, dates), default=None)


def valid_since(context: Any) -> datetime:
    """Return the day from which on a completion is recent enough, seen from the run, not from the clock."""
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
        "valid_months": Param(12, type="integer", description="Months until a completion is too old"),
        "grace_days": Param(30, type="integer", description="Days to do the lesson in"),
        "reports": Param("file:///tmp/recertification", type="string", description="Folder for the reports"),
    },
) as dag:

    @task.short_circuit(ignore_downstream_trigger_rules=True)
    def find_due(**context: Any) -> list[int]:
        """Return the ids of those who are due; the run ends here if there is nobody."""
        params, since = context["params"], valid_since(context)
        certified = certifications(params["group_id"], params["lesson"])
        return [user.id for user, completed in certified if completed is None or completed < since]

    @task
    def report(name: str, **context: Any) -> dict[str, Any]:
        """Write a line for each member, and return where it is and which supervisors it is for."""
        from airflow_provider_damstra.endpoints import ListGroupSupervisors

        params, since = context["params"], valid_since(context)
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["employee_number", "name", "last_completed", "status"])
        for user, completed in certifications(params["group_id"], params["lesson"]):
            status = "certified" if completed and completed >= since else "outstanding"
            day = completed.date().isoformat() if completed else ""
            writer.writerow([user.employee_number, user.full_name, day, status])
        path = ObjectStoragePath(params["reports"]) / f"{context['dag_run'].run_after:%Y-%m-%d}-{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines.getvalue())
        supervisors = DamstraHook().iterate(ListGroupSupervisors(group_id=params["group_id"]))
        return {"path": str(path), "supervisors": [user.email_address for user in supervisors]}

    due: Any = find_due()
    schedule = DamstraScheduleLessonsOperator(
        task_id="schedule_lesson",
        user_ids=due,
        lesson_names="{{ params.lesson }}",
        grace_period="{{ params.grace_days }}",
    )
    waiting: dict[str, Any] = {
        "lesson_schedule_ids": schedule.output,
        "start_from_trigger": True,
        "soft_fail": True,
        "poke_interval": 300,
        "timeout": pendulum.duration(days=30),
    }
    most = DamstraLessonScheduleSensor(task_id="wait_for_most", wait_for=0.75, **waiting)
    everybody = DamstraLessonScheduleSensor(task_id="wait_for_everybody", **waiting)
    interim: Any = report.override(task_id="interim_report")("interim")
    final: Any = report.override(task_id="final_report", trigger_rule="none_failed")("final")
    chain(most, interim, everybody, final)

if __name__ == "__main__":
    dag.test()
