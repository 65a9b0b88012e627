"""Lesson schedules: reading them, scheduling users, recording completions, certificates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator import rendering
from airflow_provider_damstra.emulator.account import CLIENT_ID, CLIENT_NAME
from airflow_provider_damstra.emulator.certificates import certificate
from airflow_provider_damstra.emulator.handlers.lesson import PUBLISHED
from airflow_provider_damstra.emulator.repositories.lesson_schedule import (
    COLUMNS,
    IS_OPEN,
    JOINS,
    STATUS,
    STATUS_IDS,
    add_schedule,
    complete_schedule,
    need_schedule,
    open_schedule_id,
    thumbnail,
)
from airflow_provider_damstra.emulator.routing import emulator
from airflow_provider_damstra.endpoints.lesson_schedule import (
    CompleteLesson,
    DownloadCertificate,
    GetLessonSchedule,
    LessonScheduleFilter,
    ListUserLessonSchedules,
    ScheduleUser,
)
from airflow_provider_damstra.models.lesson import LessonStatus
from airflow_provider_damstra.models.lesson_schedule import (
    GracePeriodUnit,
    LessonSchedule,
    LessonScheduleStatus,
    UserLessonSchedule,
)
from airflow_provider_damstra.models.user import ClientStatus

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page


@emulator.answers(GetLessonSchedule)
def get_lesson_schedule(call: GetLessonSchedule, uow: UnitOfWork) -> LessonSchedule:
    """Return one lesson schedule, in the representation without a status."""
    need_schedule(uow, call.lesson_schedule_id)
    sql = f"""
        SELECT {COLUMNS}, {IS_OPEN} AS active, {CLIENT_ID} AS client_id,
            u.user_name AS user_user_name, u.employee_number AS user_employee_number,
            v.questionnaire_pass_rate, v.status AS version_status,
            {STATUS} IN ('due', 'overdue') AS schedule_over_email_attempted,
            {STATUS} = 'overdue' AS overdue_email_attempted
        {JOINS} WHERE s.id = :id
    """
    row = dict(uow.store.fetch_one(sql, {"id": call.lesson_schedule_id, "now": uow.at}) or {})
    status, version_id = row.pop("version_status"), row["lesson_version_id"]
    return LessonSchedule(
        **row,
        client_name=CLIENT_NAME,
        published=PUBLISHED[LessonStatus(status)],
        lesson_thumbnail=thumbnail(uow, version_id),
        user_groups=_groups_of(uow, row["user_id"]),
        supervisors=_supervisors_of(uow, row["user_id"]),
        movie_id=version_id,
        movie_physical_uri=f"download/lessons/{version_id}/movieFile.mp4",
        movie_size_in_bytes=row["lesson_duration"] * 100,
    )


@emulator.answers(ListUserLessonSchedules)
def list_user_lesson_schedules(call: ListUserLessonSchedules, uow: UnitOfWork) -> Page[UserLessonSchedule]:
    """Return a page of a user's lesson schedules, which has no meta."""
    uow.need_user(call.user_id)
    wanted = call.status or LessonScheduleFilter.ALL
    tail = f"{JOINS} WHERE s.user_id = :user_id AND :status IN ('all', {STATUS})"
    values = {"user_id": call.user_id, "status": wanted.value, "now": uow.at}
    rows = uow.page(f"{COLUMNS}, {STATUS} AS status", tail, values, order="s.id")
    schedules = [
        UserLessonSchedule(
            **dict(row),
            schedule_type="automatic",
            status_id=STATUS_IDS[LessonScheduleStatus(row["status"])],
            lesson_thumbnail=thumbnail(uow, row["lesson_version_id"]),
        )
        for row in rows
    ]
    return uow.listing(schedules, None)


@emulator.answers(ScheduleUser, render=rendering.as_ids)
def schedule_user(call: ScheduleUser, uow: UnitOfWork) -> list[int]:
    """Schedule a user to lesson versions, all or none, and return the ids of the schedules."""
    user = uow.need_user(call.user_id)
    if user["client_status_id"] != ClientStatus.ACTIVE:
        raise refusals.bad_request(f"User {call.user_id} is not active and cannot be scheduled")
    for version_id in call.lesson_version_ids:
        _need_active_version(uow, version_id)
    start = call.schedule_date or uow.now
    end = _end(start, call.grace_period, call.grace_period_unit)
    return [_schedule(uow, call.user_id, version_id, start, end) for version_id in call.lesson_version_ids]


@emulator.answers(CompleteLesson, render=rendering.as_ids)
def complete_lesson(call: CompleteLesson, uow: UnitOfWork) -> list[int]:
    """Close the user's open schedule, or record a completed one, and return its id."""
    uow.need_user(call.user_id)
    version = _version_to_complete(uow, call)
    recorder = uow.need_user(call.manually_completed_by_user_id)
    if recorder["client_status_id"] != ClientStatus.ACTIVE:
        raise refusals.bad_request(f"manuallyCompletedByUserId: user {recorder['id']} is not active")
    moment = call.completed_date
    schedule_id = open_schedule_id(uow, call.user_id, version["id"]) or add_schedule(
        uow, call.user_id, version["id"], start=moment, end=moment
    )
    complete_schedule(uow, schedule_id, by_hand=recorder["id"], moment=moment)
    return [schedule_id]


@emulator.answers(DownloadCertificate)
def download_certificate(call: DownloadCertificate, uow: UnitOfWork) -> bytes:
    """Return the certificate of a completed and passed schedule."""
    schedule = need_schedule(uow, call.lesson_schedule_id)
    if schedule["lesson_completed_date"] is None or not schedule["passed"]:
        raise refusals.no_certificate(call.lesson_schedule_id)
    version = uow.find("lesson_versions", schedule["lesson_version_id"])
    user = uow.need_user(schedule["user_id"])
    return certificate(
        trainee=f"{user['first_name']} {user['last_name']}".strip() or user["user_name"],
        lesson=version["name"] if version else "",
        completed=datetime.fromisoformat(schedule["lesson_completed_date"]),
        number=call.lesson_schedule_id,
    )


def _need_version(uow: UnitOfWork, version_id: int) -> sqlite3.Row:
    version = uow.find("lesson_versions", version_id)
    if version is None:
        raise refusals.not_found("Lesson version", [version_id])
    return version


def _need_active_version(uow: UnitOfWork, version_id: int) -> None:
    version = _need_version(uow, version_id)
    if version["status"] != LessonStatus.ACTIVE:
        named = f"Lesson version {version_id} ({version['name']})"
        raise refusals.bad_request(f"{named} is {version['status']}: only an active one can be scheduled")


def _schedule(uow: UnitOfWork, user_id: int, version_id: int, start: datetime, end: datetime) -> int:
    if open_schedule_id(uow, user_id, version_id) is not None:
        raise refusals.schedule_exists()
    return add_schedule(uow, user_id, version_id, start=start, end=end)


def _end(start: datetime, period: int, unit: GracePeriodUnit) -> datetime:
    try:
        if unit == GracePeriodUnit.DAYS:
            return start + timedelta(days=period)
        return pendulum.instance(start).add(months=period)
    except (OverflowError, ValueError):
        raise refusals.bad_request(f"gracePeriod: {period} {unit} end after the year 9999") from None


def _version_to_complete(uow: UnitOfWork, call: CompleteLesson) -> sqlite3.Row:
    """Return the version that is named, or the published one of the lesson that is named."""
    if call.lesson_version_id is None:
        return _published_version(uow, call.lesson_id or 0)
    version = _need_version(uow, call.lesson_version_id)
    if call.lesson_id not in (None, version["lesson_id"]):
        raise refusals.bad_request(
            f"lessonVersionId {version['id']} is no version of lessonId {call.lesson_id}"
        )
    if version["status"] not in (LessonStatus.ACTIVE, LessonStatus.INACTIVE):
        raise refusals.bad_request(f"Lesson version {version['id']} ({version['name']}) was never published")
    return version


def _published_version(uow: UnitOfWork, lesson_id: int) -> sqlite3.Row:
    if uow.find("lessons", lesson_id) is None:
        raise refusals.not_found("Lesson", [lesson_id])
    sql = "SELECT * FROM lesson_versions WHERE lesson_id = ? AND status = 'active'"
    version = uow.store.fetch_one(sql, [lesson_id])
    if version is None:
        raise refusals.bad_request(f"Lesson {lesson_id} has no published version")
    return version


def _groups_of(uow: UnitOfWork, user_id: int) -> list[dict[str, Any]]:
    sql = "SELECT id, name FROM groups JOIN group_members ON group_id = id WHERE user_id = ? ORDER BY id"
    return [dict(row) for row in uow.store.fetch_all(sql, [user_id])]


def _supervisors_of(uow: UnitOfWork, user_id: int) -> list[dict[str, Any]]:
    sql = """
        SELECT DISTINCT u.id, u.first_name AS firstName, u.last_name AS lastName
        FROM group_members m
        JOIN group_supervisors s ON s.group_id = m.group_id
        JOIN users u ON u.id = s.user_id
        WHERE m.user_id = ? ORDER BY u.id
    """
    return [dict(row) for row in uow.store.fetch_all(sql, [user_id])]
