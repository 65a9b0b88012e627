"""Arguments of endpoints, and the types of their attributes and results."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import assert_type

from airflow_provider_damstra.endpoints import (
    BulkUserImport,
    CompleteLesson,
    CreateIltSession,
    CreateUser,
    DownloadCertificate,
    GenerateLoginUrl,
    GetLessonSchedule,
    GetUser,
    InactivateUser,
    ListIltSessions,
    ListLessons,
    ListUserLessonSchedules,
    ListUsers,
    SaveIltSessionProgress,
    ScheduleUser,
    UpdateIltSession,
)
from airflow_provider_damstra.endpoints.lesson_schedule import LessonScheduleFilter
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.models import (
    GracePeriodUnit,
    IltSessionStatus,
    Lesson,
    LessonSchedule,
    LessonStatus,
    Role,
    User,
    UserLessonSchedule,
)

hook = DamstraHook()

assert_type(hook.call(GetUser(user_id=7)), User)
assert_type(hook.call(GetUser(user_id="7")), User)
assert_type(hook.iterate(ListUsers(q="smith", active_value="all", role_id=Role.TRAINEE)), Iterator[User])
assert_type(hook.iterate(ListLessons(published_states=["active", LessonStatus.NEVER])), Iterator[Lesson])
assert_type(hook.iterate(ListUserLessonSchedules(user_id=7, status="overdue")), Iterator[UserLessonSchedule])
assert_type(hook.call(GetLessonSchedule(lesson_schedule_id=1)), LessonSchedule)
assert_type(hook.call(DownloadCertificate(lesson_schedule_id=1)), bytes)
assert_type(hook.call(GenerateLoginUrl(user_id=7, expires_in="week")), str)
hook.call(InactivateUser(user_id=7))

call = ScheduleUser(user_id=1011, lesson_version_ids=[2006], grace_period=14, grace_period_unit="days")
assert_type(hook.call(call), list[int])
assert_type(call.user_id, int)
assert_type(call.lesson_version_ids, tuple[int, ...])
assert_type(call.grace_period, int)
assert_type(call.grace_period_unit, GracePeriodUnit)
assert_type(call.schedule_date, datetime | None)
assert_type(ListUserLessonSchedules(user_id=7).status, LessonScheduleFilter | None)

CompleteLesson(
    user_id=7,
    lesson_id="201",
    completed_date=datetime(2026, 1, 31, tzinfo=UTC),
    manually_completed_by_user_id=1,
)
CreateUser(
    user_name="ada", employee_number=4711, roles=[6, Role.SUPERVISOR], groups=[1, "2"], password="secret"
)
BulkUserImport(users=[{"first_name": "Ada"}], merge_type="empNo")
CreateIltSession(
    lesson_id=202,
    start_datetime="2026-01-31T09:00:00+08:00",
    end_datetime=datetime(2026, 1, 31, tzinfo=UTC),
    location="Perth",
    instructor_id=9,
)
UpdateIltSession(
    ilt_session_id=4,
    instructor_id=9,
    location="Perth",
    status_id=IltSessionStatus.COMPLETED,
    number_of_places="12",
)
ListIltSessions(state=1, status=IltSessionStatus.ACTIVE)
SaveIltSessionProgress(ilt_session_id=4, attendees=[{"id": 5, "passed": True}])
