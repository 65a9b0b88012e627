"""A misspelt argument of each operator, sensor, transfer and endpoint is an error."""

from typing import Any

from airflow_provider_damstra.endpoints import GetUser, ListUserLessonSchedules
from airflow_provider_damstra.operators.call import DamstraCallOperator
from airflow_provider_damstra.operators.group import (
    DamstraAddGroupMembersOperator,
    DamstraAddGroupSupervisorsOperator,
    DamstraCreateGroupOperator,
    DamstraInactivateGroupOperator,
    DamstraRemoveGroupMembersOperator,
    DamstraRemoveGroupSupervisorsOperator,
    DamstraSyncGroupMembersOperator,
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
from airflow_provider_damstra.sensors.group import DamstraGroupLessonSensor
from airflow_provider_damstra.sensors.ilt_session import DamstraIltSessionSensor
from airflow_provider_damstra.sensors.lesson_schedule import (
    DamstraLessonScheduleSensor,
    DamstraUserLessonsSensor,
)
from airflow_provider_damstra.sensors.training_gate import DamstraTrainingGateSensor
from airflow_provider_damstra.sensors.user import DamstraUserSensor
from airflow_provider_damstra.transfers.completion_delivery import DamstraDeliverCompletionsOperator
from airflow_provider_damstra.transfers.export import DamstraExportOperator
from airflow_provider_damstra.transfers.sql_views import DamstraCreateSqlViewsOperator
from airflow_provider_damstra.transfers.to_sql import DamstraToSqlOperator
from airflow_provider_damstra.transfers.training_matrix import DamstraTrainingMatrixOperator
from airflow_provider_damstra.transfers.training_status import DamstraTrainingStatusOperator

fields: dict[str, Any] = {}
DamstraCallOperator(**fields, defferable=True)  # E: call-arg
DamstraAddGroupMembersOperator(**fields, defferable=True)  # E: call-arg
DamstraAddGroupSupervisorsOperator(**fields, defferable=True)  # E: call-arg
DamstraCreateGroupOperator(**fields, defferable=True)  # E: call-arg
DamstraInactivateGroupOperator(**fields, defferable=True)  # E: call-arg
DamstraRemoveGroupMembersOperator(**fields, cancel_on_kill=True)  # E: call-arg
DamstraRemoveGroupSupervisorsOperator(**fields, defferable=True)  # E: call-arg
DamstraSyncGroupMembersOperator(**fields, defferable=True)  # E: call-arg
DamstraUpdateGroupOperator(**fields, defferable=True)  # E: call-arg
DamstraCancelIltSessionOperator(**fields, defferable=True)  # E: call-arg
DamstraCompleteIltSessionOperator(**fields, defferable=True)  # E: call-arg
DamstraCreateIltSessionOperator(**fields, defferable=True)  # E: call-arg
DamstraDeregisterIltSessionUsersOperator(**fields, defferable=True)  # E: call-arg
DamstraRegisterIltSessionUsersOperator(**fields, defferable=True)  # E: call-arg
DamstraSaveIltSessionProgressOperator(**fields, defferable=True)  # E: call-arg
DamstraUpdateIltSessionOperator(**fields, defferable=True)  # E: call-arg
DamstraCompleteLessonOperator(**fields, defferable=True)  # E: call-arg
DamstraDownloadCertificateOperator(**fields, defferable=True)  # E: call-arg
DamstraGetEmbedUrlOperator(**fields, defferable=True)  # E: call-arg
DamstraScheduleLessonsOperator(**fields, lesson_name="A")  # E: call-arg
DamstraSyncUsersOperator(**fields, max_inactivation=1)  # E: call-arg
DamstraTrainingGateOperator(**fields, defferable=True)  # E: call-arg
DamstraActivateUserOperator(**fields, defferable=True)  # E: call-arg
DamstraCreateUserOperator(**fields, if_exist="fail")  # E: call-arg
DamstraGenerateLoginUrlOperator(**fields, strict=True)  # E: call-arg
DamstraInactivateUserOperator(**fields, defferable=True)  # E: call-arg
DamstraUpdateUserOperator(**fields, defferable=True)  # E: call-arg
DamstraUpsertUsersOperator(**fields, path="x")  # E: call-arg
DamstraGroupLessonSensor(**fields, defferable=True)  # E: call-arg
DamstraIltSessionSensor(**fields, defferable=True)  # E: call-arg
DamstraLessonScheduleSensor(**fields, defferable=True)  # E: call-arg
DamstraUserLessonsSensor(**fields, defferable=True)  # E: call-arg
DamstraTrainingGateSensor(**fields, defferable=True)  # E: call-arg
DamstraUserSensor(**fields, defferable=True)  # E: call-arg
DamstraDeliverCompletionsOperator(**fields, format="json")  # E: call-arg
DamstraExportOperator(**fields, format="csv")  # E: call-arg
DamstraToSqlOperator(**fields, defferable=True)  # E: call-arg
DamstraCreateSqlViewsOperator(**fields, defferable=True)  # E: call-arg
DamstraTrainingMatrixOperator(**fields, defferable=True)  # E: call-arg
DamstraTrainingStatusOperator(**fields, defferable=True)  # E: call-arg
GetUser(user_id=7, defferable=True)  # E: call-arg
ListUserLessonSchedules(user_id=7, state="overdue")  # E: call-arg
ListUserLessonSchedules(userId=7)  # E: call-arg
