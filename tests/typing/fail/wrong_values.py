"""A value outside of a closed choice, or of a wrong type, is an error."""

from airflow_provider_damstra.assets import damstra_event
from airflow_provider_damstra.endpoints import (
    CreateUser,
    GenerateLoginUrl,
    GetUser,
    ListIltSessions,
    ListLessons,
    ListUserLessonSchedules,
    ListUsers,
    ScheduleUser,
)
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.models import User
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraCreateGroupOperator,
    DamstraSyncGroupMembersOperator,
)
from airflow_provider_damstra.operators.ilt_session import DamstraCreateIltSessionOperator
from airflow_provider_damstra.operators.lesson import (
    DamstraDownloadCertificateOperator,
    DamstraScheduleLessonsOperator,
)
from airflow_provider_damstra.operators.user import (
    DamstraCreateUserOperator,
    DamstraInactivateUserOperator,
    DamstraUpdateUserOperator,
)
from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.ilt_session import DamstraIltSessionSensor
from airflow_provider_damstra.sensors.lesson_schedule import (
    DamstraLessonScheduleSensor,
    DamstraUserLessonsSensor,
)
from airflow_provider_damstra.testing import DamstraEmulator
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.sql_views import DamstraCreateSqlViewsOperator
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator
from airflow_provider_damstra.triggers.event import DamstraEventTrigger

DamstraCreateUserOperator(task_id="a", user={}, if_exists="replace")  # E: arg-type
DamstraInactivateUserOperator(task_id="b", user_id=7.5)  # E: arg-type
DamstraInactivateUserOperator(task_id="c", user_id=7, strict="yes")  # E: arg-type
DamstraInactivateUserOperator(task_id="d", user_id=7, retries="3")  # E: arg-type
DamstraUpdateUserOperator(task_id="e", user_id=7)  # E: call-arg
DamstraInactivateUserOperator(user_id=7)  # E: call-arg
DamstraCreateGroupOperator(task_id="f", name="A", description="B", if_exists="keep")  # E: arg-type
DamstraAddGroupMembersOperator(task_id="g", group_id=1, user_ids=[7], on_empty="ignore")  # E: arg-type
DamstraSyncGroupMembersOperator(task_id="h", group_id=1, user_ids=[7], who="owners")  # E: arg-type
DamstraCreateIltSessionOperator(task_id="i", lesson_id=1)  # E: call-arg
DamstraScheduleLessonsOperator(task_id="j", user_ids=[7.5], lesson_ids=[1])  # E: list-item
DamstraScheduleLessonsOperator(task_id="k", user_ids=[7], lesson_ids=[1], if_exists="update")  # E: arg-type
DamstraScheduleLessonsOperator(task_id="l", user_ids=[7], if_completed="fail")  # E: arg-type
DamstraScheduleLessonsOperator(task_id="m", user_ids=[7], on_partial_failure="skip")  # E: arg-type
DamstraDownloadCertificateOperator(task_id="n", lesson_schedule_id=1, path="a", on_missing="")  # E: arg-type
DamstraInactivateUserOperator(task_id="n1", email_address=7)  # E: arg-type
DamstraScheduleLessonsOperator(task_id="n2", employee_numbers=[7.5], lesson_ids=[1])  # E: list-item
DamstraScheduleLessonsOperator(task_id="n3", email_addresses=[7], lesson_names=["A"])  # E: list-item
DamstraGroupLessonSensor(task_id="n4", group_id=1, lesson_name=["A"])  # E: arg-type
DamstraUserLessonsSensor(task_id="n5", employee_number=7.5, lesson_names=["A"])  # E: arg-type
DamstraIltSessionSensor(task_id="o", ilt_session_id=1, state="started")  # E: arg-type
DamstraIltSessionSensor(task_id="p", ilt_session_id=1, status="past")  # E: arg-type
DamstraLessonScheduleSensor(task_id="q", lesson_schedule_ids=[1], fail_on=["failed"])  # E: list-item
DamstraLessonScheduleSensor(task_id="r", lesson_schedule_ids=[1], fail_on="overdue")  # E: arg-type
DamstraLessonScheduleSensor(task_id="r2", lesson_schedule_ids=[1], valid_for=12)  # E: arg-type
DamstraLessonScheduleSensor(task_id="s", lesson_schedule_ids=[1], mode="deferred")  # E: arg-type
DamstraExportOperator(task_id="t", resource="users", target_path="a", file_format="xlsx")  # E: arg-type
DamstraExportOperator(task_id="u", resource="users", target_path="a", compression="zip")  # E: arg-type
DamstraToSqlOperator(task_id="v", resource="users", sql_conn_id="", table="", write_mode="add")  # E: arg-type
DamstraToSqlOperator(task_id="v2", resource="users", sql_conn_id="", table="", delete_mode="")  # E: arg-type
DamstraCreateSqlViewsOperator(task_id="v3", sql_conn_id="", views=["matrix"])  # E: list-item
DamstraTrainingMatrixOperator(task_id="w", group_id=1, target_path="a", file_format="pdf")  # E: arg-type
DamstraTrainingStatusOperator(task_id="w", requirements=[], on_failed_user="ignore")  # E: arg-type
DamstraEventTrigger(group_id=1, events=["user.account.created"])  # E: list-item
damstra_event("lesson.schedule.complete")  # E: arg-type
DamstraEmulator().add_fault("timeout")  # E: arg-type

ScheduleUser(user_id=7, lesson_version_ids=[1], grace_period=1, grace_period_unit="weeks")  # E: arg-type
ScheduleUser(user_id=7, lesson_version_ids=[1.5], grace_period=1, grace_period_unit="days")  # E: list-item
ListUserLessonSchedules(user_id=7, status="late")  # E: arg-type
ListUserLessonSchedules(status="due")  # E: call-arg
ListUsers(active_value="yes")  # E: arg-type
ListUsers(role_id=9)  # E: arg-type
ListLessons(published_states=["deleted"])  # E: list-item
ListIltSessions(state=4)  # E: arg-type
GenerateLoginUrl(user_id=7, expires_in="hour")  # E: arg-type
CreateUser(roles=[9])  # E: list-item
GetUser(user_id=None)  # E: arg-type

user = DamstraHook().call(GetUser(user_id=7))
print(user.lesson_name)  # E: attr-defined
len(user.first_name)  # E: arg-type
User(id=7, user_nam="ada")  # E: call-arg
