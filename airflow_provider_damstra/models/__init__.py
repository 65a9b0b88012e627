"""The models of the API's responses."""

from __future__ import annotations

from airflow_provider_damstra.models.base import Model, Page, PageMeta
from airflow_provider_damstra.models.group import Group
from airflow_provider_damstra.models.ilt_session import (
    IltSession,
    IltSessionAttendee,
    IltSessionState,
    IltSessionStateName,
    IltSessionStatus,
)
from airflow_provider_damstra.models.lesson import (
    Lesson,
    LessonDetails,
    LessonStatus,
    LessonVersionCustomField,
)
from airflow_provider_damstra.models.lesson_schedule import (
    GracePeriodUnit,
    LessonSchedule,
    LessonScheduleStatus,
    UserLessonSchedule,
)
from airflow_provider_damstra.models.user import ClientStatus, CreatedUser, Role, User

__all__ = [
    "ClientStatus",
    "CreatedUser",
    "GracePeriodUnit",
    "Group",
    "IltSession",
    "IltSessionAttendee",
    "IltSessionState",
    "IltSessionStateName",
    "IltSessionStatus",
    "Lesson",
    "LessonDetails",
    "LessonSchedule",
    "LessonScheduleStatus",
    "LessonStatus",
    "LessonVersionCustomField",
    "Model",
    "Page",
    "PageMeta",
    "Role",
    "User",
    "UserLessonSchedule",
]
