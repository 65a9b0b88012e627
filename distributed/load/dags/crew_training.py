"""Train a crew: every changing operation of the API, waits, a gate, a roster, an export and a load.

The parameter ``crew`` names its people, groups and tables; ``folder`` has the files ``people.csv`` and
``roster.csv``.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG, Param, Variable, chain, task

from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraAddGroupSupervisorsOperator,
    DamstraCreateGroupOperator,
    DamstraInactivateGroupOperator,
    DamstraRemoveGroupMembersOperator,
    DamstraRemoveGroupSupervisorsOperator,
    DamstraUpdateGroupOperator,
)
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
    DamstraCompleteLessonOperator,
    DamstraDownloadCertificateOperator,
    DamstraGetEmbedUrlOperator,
    DamstraScheduleLessonsOperator,
)
from airflow_provider_damstra.operators.roster import DamstraSyncUsersOperator
from airflow_provider_damstra.operators.training_gate import DamstraTrainingGateOperator
from airflow_provider_damstra.operators.user import (
    DamstraActivateUserOperator,
    DamstraCreateUserOperator,
    DamstraGenerateLoginUrlOperator,
    DamstraInactivateUserOperator,
    DamstraUpdateUserOperator,
    DamstraUpsertUsersOperator,
)
from airflow_provider_damstra.retry_policy import DamstraRetryPolicy
from airflow_provider_damstra.sensors.lesson_schedule import DamstraLessonScheduleSensor
from airflow_provider_damstra.sensors.training_gate import DamstraTrainingGateSensor
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator

BATCH = 20
ONLINE_LESSONS = ["Site Induction", "Working at Heights"]
CLASSROOM_LESSON = "Confined Space Entry (instructor-led)"
PAPER_LESSON = "Manual Handling"
INSTRUCTOR = "E1008"
RULES = "- {name: Site Induction, lessons: [Site Induction], all: true}"
FIRST_DAY = "{{ (dag_run.run_after + macros.timedelta(days=1)).strftime('%Y-%m-%dT00:00:00Z') }}"

with DAG(
    dag_id="crew_training",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="Australia/Perth"),
    catchup=False,
    # Each kill takes a try.
    default_args={
        "retries": 20,
        "retry_delay": pendulum.duration(seconds=2),
        "retry_policy": DamstraRetryPolicy(),
    },
    params={"crew": Param("A", type="string"), "folder": Param("file:///tmp/crew", type="string")},
) as dag:
    people = DamstraUpsertUsersOperator(task_id="upsert_people", users_path="{{ params.folder }}/people.csv")

    @task
    def split(user_ids: list[int]) -> list[list[int]]:
        """Return the users in batches, so that each task has several."""
        return [user_ids[start : start + BATCH] for start in range(0, len(user_ids), BATCH)]

    @task
    def select_first(user_ids: list[int]) -> list[int]:
        """Return the first batch, which attends the classroom lesson."""
        return user_ids[:BATCH]

    user_ids: Any = people.output
    batches: Any = split(user_ids)
    first_batch: Any = select_first(user_ids)

    group = DamstraCreateGroupOperator(
        task_id="create_group", name="Crew {{ params.crew }}", description="New"
    )
    described = DamstraUpdateGroupOperator(
        task_id="update_group", group_id=group.output, description="People of crew {{ params.crew }}"
    )
    members = DamstraAddGroupMembersOperator(
        task_id="add_members", group_id=group.output, user_ids=people.output
    )
    supervisors = DamstraAddGroupSupervisorsOperator(
        task_id="add_supervisors", group_id=group.output, employee_numbers=["E1005", "E1006"]
    )
    fewer_supervisors = DamstraRemoveGroupSupervisorsOperator(
        task_id="remove_supervisor", group_id=group.output, employee_numbers=["E1006"]
    )
    former = DamstraCreateGroupOperator(
        task_id="create_former_group", name="Former crew {{ params.crew }}", description="To be closed"
    )
    former_members = DamstraAddGroupMembersOperator(
        task_id="add_former_members", group_id=former.output, employee_numbers=["E1011", "E1012"]
    )
    fewer_former_members = DamstraRemoveGroupMembersOperator(
        task_id="remove_former_member", group_id=former.output, employee_numbers=["E1011"]
    )
    closed = DamstraInactivateGroupOperator(task_id="close_former_group", group_id=former.output)

    online = DamstraScheduleLessonsOperator.partial(
        task_id="schedule_online_lessons", lesson_names=ONLINE_LESSONS, grace_period=14
    ).expand(user_ids=batches)
    done_online = DamstraLessonScheduleSensor.partial(
        task_id="wait_for_online_lessons", deferrable=True, poke_interval=10, timeout=3600
    ).expand(lesson_schedule_ids=online.output)
    paper = DamstraCompleteLessonOperator.partial(
        task_id="record_paper_completion",
        lesson_name=PAPER_LESSON,
        completed_date="{{ (dag_run.run_after - macros.timedelta(days=2)).isoformat() }}",
        manually_completed_by_email_address="data.import@example.com",
    ).expand(employee_number=["{{ params.crew }}-001", "{{ params.crew }}-002"])

    classroom = DamstraScheduleLessonsOperator(
        task_id="schedule_classroom_lesson",
        user_ids=first_batch,
        lesson_names=[CLASSROOM_LESSON],
        grace_period=14,
    )
    times: dict[str, Any] = {
        "start_datetime": "{{ (dag_run.run_after + macros.timedelta(hours=1)).isoformat() }}",
        "end_datetime": "{{ (dag_run.run_after + macros.timedelta(hours=5)).isoformat() }}",
    }
    session = DamstraCreateIltSessionOperator(
        task_id="create_session",
        lesson_name=CLASSROOM_LESSON,
        instructor_employee_number=INSTRUCTOR,
        location="Room {{ params.crew }}",
        **times,
    )
    noted = DamstraUpdateIltSessionOperator(
        task_id="update_session", ilt_session_id=session.output, notes="Crew {{ params.crew }}"
    )
    registered = DamstraRegisterIltSessionUsersOperator(
        task_id="register", ilt_session_id=session.output, user_ids=first_batch
    )
    deregistered = DamstraDeregisterIltSessionUsersOperator(
        task_id="deregister", ilt_session_id=session.output, employee_numbers="{{ params.crew }}-020"
    )
    attendance = DamstraSaveIltSessionProgressOperator(
        task_id="record_attendance",
        ilt_session_id=session.output,
        employee_numbers=[f"{{{{ params.crew }}}}-{number:03}" for number in range(1, BATCH)],
    )
    completed_session = DamstraCompleteIltSessionOperator(
        task_id="complete_session", ilt_session_id=session.output
    )
    spare_session = DamstraCreateIltSessionOperator(
        task_id="create_spare_session",
        lesson_name=CLASSROOM_LESSON,
        instructor_employee_number=INSTRUCTOR,
        location="Spare room {{ params.crew }}",
        **times,
    )
    cancelled_session = DamstraCancelIltSessionOperator(
        task_id="cancel_spare_session", ilt_session_id=spare_session.output
    )

    visitor = DamstraCreateUserOperator(
        task_id="create_visitor",
        user={
            "employee_number": "{{ params.crew }}-900",
            "first_name": "Visitor",
            "last_name": "{{ params.crew }}",
            "email_address": "visitor.{{ params.crew }}@example.com",
        },
    )
    renamed = DamstraUpdateUserOperator(
        task_id="update_visitor", user_id=visitor.output, changes={"last_name": "Of {{ params.crew }}"}
    )
    left = DamstraInactivateUserOperator(task_id="inactivate_visitor", user_id=visitor.output)
    returned = DamstraActivateUserOperator(task_id="activate_visitor", user_id=visitor.output)
    login = DamstraGenerateLoginUrlOperator(
        task_id="login_url", user_id=visitor.output, expires_in="day", path="{{ params.folder }}/login.url"
    )
    player = DamstraGetEmbedUrlOperator(
        task_id="player_url",
        lesson_schedule_id="{{ ti.xcom_pull('schedule_classroom_lesson')[0].lesson_schedule_ids[0] }}",
        path="{{ params.folder }}/player.url",
    )

    @task
    def set_password(user_id: int) -> None:
        """Set a password, which is a secret that must not be in any log."""
        from airflow_provider_damstra.endpoints import GetUser, UpdateUser

        hook = DamstraHook()
        user = hook.call(GetUser(user_id=user_id)).model_dump(include=set(UpdateUser.model_fields))
        password = Variable.get("visitor_password")
        hook.call(UpdateUser.model_validate({**user, "user_id": user_id, "password": password}))

    visitor_id: Any = visitor.output
    password_set: Any = set_password(visitor_id)

    gate: dict[str, Any] = {"user_ids": first_batch, "requirements": RULES, "at": FIRST_DAY}
    trained = DamstraTrainingGateSensor(
        task_id="wait_for_training", **gate, deferrable=True, poke_interval=10, timeout=3600
    )
    checked = DamstraTrainingGateOperator(task_id="check_training", **gate)
    certificate = DamstraDownloadCertificateOperator(
        task_id="download_certificate",
        lesson_schedule_id="{{ ti.xcom_pull('record_paper_completion')[0][0] }}",
        path="{{ params.folder }}/certificates/",
    )
    export = DamstraExportOperator(
        task_id="export_schedules",
        resource="lesson_schedules",
        parent_ids=people.output,
        target_path="{{ params.folder }}/schedules.jsonl",
    )
    load = DamstraToSqlOperator(
        task_id="load_schedules",
        resource="lesson_schedules",
        parent_ids=people.output,
        sql_conn_id="warehouse",
        table="schedules_{{ params.crew | lower }}",
    )
    load_members = DamstraToSqlOperator(
        task_id="load_members",
        resource="group_members",
        parent_ids=group.output,
        sql_conn_id="warehouse",
        table="members_{{ params.crew | lower }}",
        write_mode="replace",
    )
    roster = DamstraSyncUsersOperator(
        task_id="sync_roster", users_path="{{ params.folder }}/roster.csv", group_id=group.output
    )

    chain(group, described)
    chain(supervisors, fewer_supervisors)
    chain(former_members, fewer_former_members, closed)
    chain(members, online, done_online, [checked, roster])
    chain(people, paper, certificate)
    chain([classroom, session], noted, registered, deregistered, attendance, completed_session)
    chain(renamed, left, returned, [login, password_set])
    done = [done_online, completed_session, certificate]
    chain(done, export)
    chain(done, load)
    chain(roster, load_members)
    chain(online, trained)
    chain(classroom, player)
