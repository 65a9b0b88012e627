"""Onboard new starters: from a CSV file to trained people with certificates.

    new starters (CSV) -> users -> group -> online lessons scheduled -> wait until each person has done them
    -> instructor-led session created, people registered, attendance recorded, completed -> certificates

Run it again with the same file, or clear any task: nothing happens twice. Who has completed a lesson is not
asked to do it again.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import DAG, Param, chain, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraCreateGroupOperator,
)
from airflow_provider_damstra.operators.ilt_session import (
    DamstraCompleteIltSessionOperator,
    DamstraCreateIltSessionOperator,
    DamstraRegisterIltSessionUsersOperator,
    DamstraSaveIltSessionProgressOperator,
)
from airflow_provider_damstra.operators.lesson import (
    DamstraDownloadCertificateOperator,
    DamstraScheduleLessonsOperator,
)
from airflow_provider_damstra.operators.user import DamstraUpsertUsersOperator
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor

with DAG(
    dag_id="example_damstra_onboarding",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    tags=["damstra", "example"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": pendulum.duration(seconds=10)},
    params={
        "new_starters": Param(
            "file:///tmp/new_starters.csv", type="string", description="CSV of new starters"
        ),
        "certificates": Param(
            "file:///tmp/certificates", type="string", description="Folder for certificates"
        ),
        "group": Param("New starters", type="string", description="Group that they become members of"),
        "online_lessons": Param(
            ["Site Induction", "Working at Heights"], type="array", items={"type": "string"}
        ),
        "classroom_lesson": Param(
            "Confined Space Entry (instructor-led)", type="string", description="Instructor-led lesson"
        ),
        "location": Param(
            "Training room 1, Perth", type="string", description="Where the session takes place"
        ),
    },
    render_template_as_native_obj=True,
) as dag:
    users = DamstraUpsertUsersOperator(task_id="upsert_users", users_path="{{ params.new_starters }}")
    user_ids = users.output

    group = DamstraCreateGroupOperator(
        task_id="create_group", name="{{ params.group }}", description="People in their first weeks"
    )
    members = DamstraAddGroupMembersOperator(task_id="add_members", group_id=group.output, user_ids=user_ids)

    @task
    def list_missing(user_ids: Any, lessons: Any) -> list[dict[str, Any]]:
        """Return for each person the lessons not completed yet; who has completed all is left out."""
        from airflow_provider_damstra.endpoints import ListUserLessonSchedules

        missing = []
        for user_id in user_ids:
            rows = DamstraHook().iterate(ListUserLessonSchedules(user_id=user_id, status="completed"))
            done = {row.lesson_name for row in rows}
            missing.append({"user_ids": user_id, "lesson_names": [one for one in lessons if one not in done]})
        return [one for one in missing if one["lesson_names"]]

    # One task for each person: each is scheduled, waited for and shown on its own in the grid.
    missing_online: Any = list_missing.override(task_id="list_missing_online")(
        user_ids, "{{ params.online_lessons }}"
    )
    online = DamstraScheduleLessonsOperator.partial(
        task_id="schedule_online_lessons", grace_period=14
    ).expand_kwargs(missing_online)
    done_online = DamstraLessonScheduleSensor.partial(
        task_id="wait_for_online_lessons",
        deferrable=True,
        poke_interval=5,
        timeout=pendulum.duration(days=14),
    ).expand(lesson_schedule_ids=online.output)

    @task(trigger_rule="none_failed")
    def plan_session(missing: list[dict[str, Any]], **context: Any) -> dict[str, Any]:
        """Return who needs the session, its lesson, instructor and time; skip it if nobody does."""
        from airflow_provider_damstra.endpoints import ListLessons, ListUsers
        from airflow_provider_damstra.models import Role

        if not missing:
            raise AirflowSkipException("Everybody has completed the classroom lesson.")
        hook = DamstraHook()
        lesson = next(hook.iterate(ListLessons(q=context["params"]["classroom_lesson"])))
        instructor = next(hook.iterate(ListUsers(role_id=Role.INSTRUCTOR)))
        # From the run, not from the clock, so that a retry plans the same session.
        start = pendulum.instance(context["dag_run"].run_after).add(hours=1)
        return {
            "user_ids": [one["user_ids"] for one in missing],
            "lesson_id": lesson.lesson_id,
            "instructor_id": instructor.id,
            "start_datetime": start.isoformat(),
            "end_datetime": start.add(hours=4).isoformat(),
        }

    missing_classroom: Any = list_missing.override(task_id="list_missing_classroom")(
        user_ids, ["{{ params.classroom_lesson }}"]
    )
    plan: Any = plan_session(missing_classroom)
    classroom = DamstraScheduleLessonsOperator(
        task_id="schedule_classroom_lesson",
        user_ids=plan["user_ids"],
        lesson_ids=plan["lesson_id"],
        grace_period=14,
    )
    session = DamstraCreateIltSessionOperator(
        task_id="create_ilt_session",
        lesson_id=plan["lesson_id"],
        instructor_id=plan["instructor_id"],
        start_datetime=plan["start_datetime"],
        end_datetime=plan["end_datetime"],
        location="{{ params.location }}",
    )
    register = DamstraRegisterIltSessionUsersOperator(
        task_id="register_users", ilt_session_id=session.output, user_ids=plan["user_ids"]
    )
    attendance = DamstraSaveIltSessionProgressOperator(
        task_id="record_attendance", ilt_session_id=session.output, user_ids=plan["user_ids"]
    )
    complete = DamstraCompleteIltSessionOperator(
        task_id="complete_ilt_session", ilt_session_id=session.output
    )

    @task(trigger_rule="none_failed_min_one_success")
    def list_completed(online: Any, classroom: Any) -> list[int]:
        """Return the lesson schedules that have a certificate now; one of the two may have been skipped."""
        groups = [*(online or []), *(person["lesson_schedule_ids"] for person in classroom or [])]
        return [lesson_schedule_id for group in groups for lesson_schedule_id in group]

    completed: Any = list_completed(done_online.output, classroom.output)
    certificates = DamstraDownloadCertificateOperator.partial(
        task_id="download_certificate", path="{{ params.certificates.rstrip('/') }}/"
    ).expand(lesson_schedule_id=completed)

    members >> online
    done_online >> plan
    chain([classroom, session], register, attendance, complete, completed, certificates)

if __name__ == "__main__":
    dag.test()
