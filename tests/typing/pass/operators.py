"""Arguments that operators accept: literals, ids in any form, templates, outputs of other tasks."""

from datetime import UTC, datetime, timedelta
from typing import assert_type

from airflow.sdk.definitions.xcom_arg import PlainXComArg

from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraCreateGroupOperator,
    DamstraInactivateGroupOperator,
    DamstraRemoveGroupSupervisorsOperator,
    DamstraSyncGroupMembersOperator,
)
from airflow_provider_damstra.operators.ilt_session import (
    DamstraCancelIltSessionOperator,
    DamstraCreateIltSessionOperator,
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
from airflow_provider_damstra.operators.training_gate import DamstraTrainingGateOperator
from airflow_provider_damstra.operators.user import (
    DamstraCreateUserOperator,
    DamstraGenerateLoginUrlOperator,
    DamstraInactivateUserOperator,
    DamstraUpdateUserOperator,
    DamstraUpsertUsersOperator,
)

people = DamstraUpsertUsersOperator(
    task_id="people",
    users_path="s3://hr/{{ ds }}.csv",
    match_by="email_address",
    columns={"Personnel No": "employee_number"},
    ignored_columns=["Cost centre"],
    retries=3,
    retry_delay=timedelta(minutes=1),
    on_failure_callback=[lambda context: print(context["ti"])],
    pool="damstra",
)
assert_type(people.output, PlainXComArg)
rows = [{"first_name": "Ada", "employee_number": 4711}]
DamstraUpsertUsersOperator(task_id="rows", users=rows, reactivate=True, result_path="{{ params.path }}")
DamstraUpsertUsersOperator(task_id="native", users="{{ params.users }}", match_by="{{ params.key }}")
DamstraCreateUserOperator(
    task_id="create", user={"first_name": "Ada"}, if_exists="update", reactivate=True, cancel_on_kill=True
)
DamstraUpdateUserOperator(task_id="update", user_id=people.output["user"], changes=people.output["changes"])
DamstraInactivateUserOperator(task_id="inactivate", user_id="{{ params.user_id }}", strict=True)
DamstraGenerateLoginUrlOperator(task_id="login", user_id=7, path="s3://urls/7", expires_in="week")

DamstraCreateGroupOperator(task_id="group", name="Crew", description="{{ ds }}", parent_id="101")
DamstraInactivateGroupOperator(task_id="old", group_id=101, strict=True)
DamstraSyncGroupMembersOperator(
    task_id="sync", group_id=1, user_ids=[7, "8"], who="supervisors", allow_empty=True, max_removals=0.1
)
DamstraAddGroupMembersOperator(
    task_id="add", group_id=1, user_ids="1,2", on_empty="skip", cancel_on_kill=True
)
DamstraRemoveGroupSupervisorsOperator(
    task_id="remove", group_id=1, user_ids=[people.output["user"]], strict=True
)

ids: list[int] = [2006, 2007]
DamstraScheduleLessonsOperator(
    task_id="versions", user_ids=7, lesson_version_ids=ids, grace_period_unit="months", if_completed="skip"
)
DamstraScheduleLessonsOperator(
    task_id="names",
    user_ids=people.output,
    lesson_names=["Site Induction", "{{ params.lesson }}"],
    grace_period="{{ params.days }}",
    grace_period_unit="{{ params.unit }}",
    schedule_date=datetime(2026, 1, 31, tzinfo=UTC),
    on_partial_failure="continue",
    on_empty="skip",
)
DamstraCompleteLessonOperator(
    task_id="complete", user_id=7, lesson_id="201", completed_date="{{ ds }}", manually_completed_by_user_id=1
)
DamstraCompleteLessonOperator(
    task_id="paper",
    employee_number=4711,
    lesson_name="Site Induction",
    completed_date="{{ ds }}",
    manually_completed_by_email_address="data.import@example.com",
)
DamstraScheduleLessonsOperator(
    task_id="texts", employee_numbers=["E1", 4711, "{{ params.number }}"], lesson_names=people.output
)
DamstraAddGroupMembersOperator(task_id="mails", group_id=1, email_addresses=["ada@example.com"])
DamstraSyncGroupMembersOperator(task_id="numbers", group_id=1, employee_numbers=people.output)
DamstraUpdateUserOperator(task_id="mail", email_address="{{ params.mail }}", changes={"roles": [6]})
DamstraDownloadCertificateOperator(
    task_id="pdf", lesson_schedule_id=1, path=people.output["path"], on_missing="skip"
)
DamstraGetEmbedUrlOperator(task_id="embed", lesson_schedule_id="1", return_in_clear=True)

session = DamstraCreateIltSessionOperator(
    task_id="session",
    lesson_id=202,
    start_datetime="{{ params.start }}",
    end_datetime=people.output["end"],
    location="Perth",
    instructor_id="9",
    if_exists="fail",
)
DamstraCreateIltSessionOperator(
    task_id="named",
    lesson_name="Confined Space Entry",
    start_datetime="{{ params.start }}",
    end_datetime="{{ params.end }}",
    location="Perth",
    instructor_employee_number="E1008",
)
DamstraUpdateIltSessionOperator(task_id="places", ilt_session_id=session.output, number_of_places="12")
DamstraRegisterIltSessionUsersOperator(
    task_id="register", ilt_session_id=session.output, user_ids=people.output
)
DamstraCancelIltSessionOperator(task_id="cancel", ilt_session_id=4, notify_trainees=False, strict=True)
records = {7: {"attended": True, "passed": False}}
DamstraSaveIltSessionProgressOperator(task_id="save", ilt_session_id=4, progress=records)
DamstraSaveIltSessionProgressOperator(task_id="all", ilt_session_id=4, user_ids=people.output)

DamstraCallOperator(
    task_id="call", endpoint="GetUser", arguments={"user_id": people.output}, damstra_conn_id="x"
)
DamstraScheduleLessonsOperator.partial(task_id="mapped", lesson_ids=[1]).expand(user_ids=people.output)

DamstraTrainingGateOperator(
    task_id="gate",
    employee_numbers=people.output,
    requirements=[{"lessons": ["Site Induction"], "all": True}],
    at=datetime(2026, 3, 1, tzinfo=UTC),
    accepted_states=["current", "assigned"],
    on_untrained="short_circuit",
    threshold="{{ params.share }}",
)
