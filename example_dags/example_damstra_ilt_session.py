"""Hold an instructor-led session for a group, with an online lesson before it and a limit of places.

    wait until half of the group has completed the theory -> create the session, limit its places
    -> schedule the practice, register participants, deregister withdrawals
    -> too few participants: cancel the session
    -> otherwise: wait until its end -> record attendance (CSV) -> complete the session -> certificates

Both sensors start in the triggerer and take no worker while they wait.
"""

from __future__ import annotations

import csv
from typing import Any

import pendulum
from airflow.sdk import DAG, ObjectStoragePath, Param, chain, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.ilt_session import (
    DamstraCancelIltSessionOperator,
    DamstraCompleteIltSessionOperator,
    DamstraCreateIltSessionOperator,
    DamstraDeregisterIltSessionUsersOperator,
    DamstraRegisterIltSessionUsersOperator,
    DamstraSaveIltSessionProgressOperator,
    DamstraUpdateIltSessionOperator,
)
from airflow_provider_damstra.operators.lesson import (
    DamstraDownloadCertificateOperator,
    DamstraScheduleLessonsOperator,
)
from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.ilt_session import DamstraIltSessionSensor


def read_crew(path: str, crew: int) -> dict[int, dict[str, str]]:
    """Return the rows of a CSV file by user id, using its column employee_number."""
    from airflow_provider_damstra.endpoints import ListGroupMembers

    ids = {user.employee_number: user.id for user in DamstraHook().iterate(ListGroupMembers(group_id=crew))}
    lines = ObjectStoragePath(path).read_text(encoding="utf-8-sig").splitlines()
    return {ids[row["employee_number"]]: row for row in csv.DictReader(lines)}


with DAG(
    dag_id="example_damstra_ilt_session",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "crew": Param(107, type="integer", description="Group (Scaffolders)"),
        "theory": Param(202, type="integer", description="Online lesson (Working at Heights)"),
        "practice": Param(205, type="integer", description="Instructor-led lesson (Confined Space Entry)"),
        "instructor": Param(1008, type="integer", description="Instructor (Bruce Hartigan)"),
        "days_ahead": Param(14, type="integer", description="Days from the theory to the practice"),
        "places": Param(8, type="integer", description="Maximum number of participants"),
        "minimum": Param(2, type="integer", description="Minimum number of participants"),
        "withdrawals": Param("file:///tmp/withdrawals.csv", type="string", description="employee_number"),
        "attendance": Param("file:///tmp/attendance.csv", type="string", description="..., attended, passed"),
        "certificates": Param("file:///tmp/certificates", type="string", description="Folder"),
    },
) as dag:
    trained = DamstraGroupLessonSensor(
        task_id="wait_for_theory",
        group_id="{{ params.crew }}",
        lesson_id="{{ params.theory }}",
        threshold=0.5,
        start_from_trigger=True,
        poke_interval=300,
        timeout=pendulum.duration(days=30),
    )

    @task
    def plan_session(trained: Any, **context: Any) -> dict[str, Any]:
        """Return participants and times, in a separate task, so that retries of others use the same."""
        start = pendulum.today("Australia/Perth").at(7).add(days=context["params"]["days_ahead"])
        participants = list(trained[: context["params"]["places"]])
        return {
            "participants": participants,
            "start": start.isoformat(),
            "end": start.add(hours=4).isoformat(),
        }

    plan: Any = plan_session(trained.output)
    session = DamstraCreateIltSessionOperator(
        task_id="create_session",
        lesson_id="{{ params.practice }}",
        instructor_id="{{ params.instructor }}",
        start_datetime=plan["start"],
        end_datetime=plan["end"],
        location="Perth CBD, Level 3",
    )
    limit = DamstraUpdateIltSessionOperator(
        task_id="limit_places", ilt_session_id=session.output, number_of_places="{{ params.places }}"
    )
    schedule = DamstraScheduleLessonsOperator(
        task_id="schedule_practice",
        user_ids=plan["participants"],
        lesson_ids="{{ params.practice }}",
        grace_period="{{ params.days_ahead + 14 }}",
    )
    register = DamstraRegisterIltSessionUsersOperator(
        task_id="register", ilt_session_id=session.output, user_ids=plan["participants"]
    )

    @task
    def list_withdrawn(**context: Any) -> list[int]:
        """Return the user ids of withdrawn participants."""
        return list(read_crew(context["params"]["withdrawals"], context["params"]["crew"]))

    withdrawn: Any = list_withdrawn()
    # Without withdrawals this is skipped, and none_failed lets the next task run.
    deregister = DamstraDeregisterIltSessionUsersOperator.partial(
        task_id="deregister", ilt_session_id=session.output
    ).expand(user_ids=withdrawn)

    @task.branch(trigger_rule="none_failed")
    def check_participants(participants: list[int], withdrawn: list[int], **context: Any) -> str:
        """Return the id of the next task."""
        remaining = set(participants) - set(withdrawn)
        return "wait_for_end" if len(remaining) >= context["params"]["minimum"] else "cancel_session"

    checked: Any = check_participants(plan["participants"], withdrawn)
    cancel = DamstraCancelIltSessionOperator(task_id="cancel_session", ilt_session_id=session.output)
    over = DamstraIltSessionSensor(
        task_id="wait_for_end",
        ilt_session_id=session.output,
        state="past",
        start_from_trigger=True,
        poke_interval=300,
        timeout=pendulum.duration(days=60),
    )

    @task
    def read_attendance(**context: Any) -> dict[str, dict[str, bool]]:
        """Return attendance and result by user id."""
        rows = read_crew(context["params"]["attendance"], context["params"]["crew"])
        columns = ("attended", "passed")
        return {str(user): {name: row[name] == "yes" for name in columns} for user, row in rows.items()}

    @task
    def list_passed(scheduled: Any, attendance: dict[str, dict[str, bool]]) -> list[int]:
        """Return the lesson schedules that were passed."""
        passed = [row for row in scheduled if attendance.get(str(row["user_id"]), {}).get("passed")]
        return [schedule_id for row in passed for schedule_id in row["lesson_schedule_ids"]]

    attendance: Any = read_attendance()
    save = DamstraSaveIltSessionProgressOperator(
        task_id="save_attendance", ilt_session_id=session.output, progress=attendance
    )
    complete = DamstraCompleteIltSessionOperator(task_id="complete_session", ilt_session_id=session.output)
    passed: Any = list_passed(schedule.output, attendance)
    certificates = DamstraDownloadCertificateOperator.partial(
        task_id="download_certificate", path="{{ params.certificates }}/"
    ).expand(lesson_schedule_id=passed)

    chain(session, limit, schedule, register, withdrawn, deregister, checked, [cancel, over])
    chain(over, attendance, save, complete, passed, certificates)

if __name__ == "__main__":
    dag.test()
