"""Onboard new starters from a CSV file: users, group, online lessons, instructor-led session, certificates.

    new starters (CSV) -> upsert users -> add to group -> schedule online lessons -> wait for completions
    -> create an ILT session, register, record attendance, complete -> download certificates

Idempotent: another run with the same file, or a cleared task, repeats nothing, and completed lessons are
not scheduled again.
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
        "group": Param("New starters", type="string", description="Group of the new starters"),
        "online_lessons": Param(
            ["Site Induction", "Working at Heights"], type="array", items={"type": "string"}
        ),
        "classroom_lesson": Param(
            "Confined Space Entry (instructor-led)", type="string", description="Instructor-led lesson"
        ),
        "location": Param("Training room 1, Perth", type="string", description="Location of the session"),
    },
    render_template_as_native_obj=True,
) as dag:
    users = DamstraUpsertUsersOperator(task_id="upsert_users", users_path="{{ params.new_starters }}")
    user_ids = users.output

    group = DamstraCreateGroupOperator(
        task_id="create_group", name="{{ params.group }}", description="Users in their first weeks"
    )
    members = DamstraAddGroupMembersOperator(task_id="add_members", group_id=group.output, user_ids=user_ids)

    @task
    def list_missing(user_ids: Any, lessons: Any) -> list[dict[str, Any]]:
        """Return the lessons that each user has not completed; without users who have completed all."""
        from airflow_provider_damstra.endpoints import ListUserLessonSchedules

        missing = []
        for user_id in user_ids:
            rows = DamstraHook().iterate(ListUserLessonSchedules(user_id=user_id, status="completed"))
            completed = {row.lesson_name for row in rows}
            missing.append(
                {
                    "user_ids": user_id,
                    "lesson_names": [lesson for lesson in lessons if lesson not in completed],
                }
            )
        return [row for row in missing if row["lesson_names"]]

    # One mapped task per user, so that the grid shows each user's progress.
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
        """Return the participants, lesson, instructor and times of the session; skip without participants."""
        from airflow_provider_damstra.endpoints import ListLessons, ListUsers
        from airflow_provider_damstra.models import Role

        if not missing:
            raise AirflowSkipException("All users have completed the classroom lesson.")
        hook = DamstraHook()
        lesson = next(hook.iterate(ListLessons(q=context["params"]["classroom_lesson"])))
        instructor = next(hook.iterate(ListUsers(role_id=Role.INSTRUCTOR)))
        # Based on the run's date, so that a retry plans the same session.
        start = pendulum.instance(context["dag_run"].run_after).add(hours=1)
        return {
            "user_ids": [row["user_ids"] for row in missing],
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
    def list_completed(online: Any, classroom: Any) -> list[list[int]]:
        """Return each user's lesson schedules; one of the two arguments is None if its task was skipped."""
        completed: dict[int, list[int]] = {}
        for user in [*(user for users in online or [] for user in users), *(classroom or [])]:
            completed.setdefault(user["user_id"], []).extend(user["lesson_schedule_ids"])
        return list(completed.values())

    completed: Any = list_completed(online.output, classroom.output)
    # One mapped task per user: Airflow maps over 1,024 values at most.
    certificates = DamstraDownloadCertificateOperator.partial(
        task_id="download_certificate", path="{{ params.certificates.rstrip('/') }}/"
    ).expand(lesson_schedule_ids=completed)

    members >> online
    done_online >> [plan, completed]
    chain([classroom, session], register, attendance, complete, completed, certificates)

if __name__ == "__main__":
    dag.test()
