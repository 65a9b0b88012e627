"""The calls of the API: a class for each of its 38 operations."""

from __future__ import annotations

from airflow_provider_damstra.endpoints.embed_player import (
    GetEmbedUrl,
    GetEmbedUrlAllLessonTypes,
)
from airflow_provider_damstra.endpoints.group import (
    AddGroupMembers,
    AddGroupSupervisors,
    CreateGroup,
    GetGroup,
    InactivateGroup,
    ListGroupMembers,
    ListGroups,
    ListGroupSupervisors,
    RemoveGroupMembers,
    RemoveGroupSupervisors,
    UpdateGroup,
)
from airflow_provider_damstra.endpoints.ilt_session import (
    BulkDeregisterIltSession,
    BulkRegisterIltSession,
    CancelIltSession,
    CompleteIltSession,
    CreateIltSession,
    GetIltSession,
    ListIltSessionAttendees,
    ListIltSessions,
    SaveIltSessionProgress,
    UpdateIltSession,
)
from airflow_provider_damstra.endpoints.lesson import (
    ListLessonDetails,
    ListLessons,
)
from airflow_provider_damstra.endpoints.lesson_schedule import (
    CompleteLesson,
    DownloadCertificate,
    GetLessonSchedule,
    ListUserLessonSchedules,
    ScheduleUser,
)
from airflow_provider_damstra.endpoints.user import (
    ActivateUser,
    BulkUserImport,
    CreateUser,
    GenerateLoginUrl,
    GetUser,
    InactivateUser,
    ListUsers,
    UpdateUser,
)

__all__ = [
    "ActivateUser",
    "AddGroupMembers",
    "AddGroupSupervisors",
    "BulkDeregisterIltSession",
    "BulkRegisterIltSession",
    "BulkUserImport",
    "CancelIltSession",
    "CompleteIltSession",
    "CompleteLesson",
    "CreateGroup",
    "CreateIltSession",
    "CreateUser",
    "DownloadCertificate",
    "GenerateLoginUrl",
    "GetEmbedUrl",
    "GetEmbedUrlAllLessonTypes",
    "GetGroup",
    "GetIltSession",
    "GetLessonSchedule",
    "GetUser",
    "InactivateGroup",
    "InactivateUser",
    "ListGroupMembers",
    "ListGroupSupervisors",
    "ListGroups",
    "ListIltSessionAttendees",
    "ListIltSessions",
    "ListLessonDetails",
    "ListLessons",
    "ListUserLessonSchedules",
    "ListUsers",
    "RemoveGroupMembers",
    "RemoveGroupSupervisors",
    "SaveIltSessionProgress",
    "ScheduleUser",
    "UpdateGroup",
    "UpdateIltSession",
    "UpdateUser",
]
