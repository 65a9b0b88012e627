"""Handlers of lesson schedules, their certificates and the embedded player."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pendulum

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.emulator import lesson_schedule_repository
from airflow_provider_damstra.emulator.api_errors import ApiError, bad_request
from airflow_provider_damstra.emulator.handlers.lesson import PUBLISHED_CODES
from airflow_provider_damstra.emulator.lesson_schedule_repository import COLUMNS, IS_OPEN, JOINS, STATUS
from airflow_provider_damstra.emulator.rendering import certificate_pdf
from airflow_provider_damstra.emulator.routing import operation
from airflow_provider_damstra.emulator.settings import CLIENT_ID, CLIENT_NAME
from airflow_provider_damstra.endpoints.lesson_schedule import LessonScheduleFilter
from airflow_provider_damstra.models.lesson import LessonStatus
from airflow_provider_damstra.models.lesson_schedule import (
    GracePeriodUnit,
    LessonSchedule,
    UserLessonSchedule,
)
from airflow_provider_damstra.models.user import ClientStatus

if TYPE_CHECKING:
    import sqlite3

    from pydantic import JsonValue

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page


@operation(endpoints.GetLessonSchedule)
def get_schedule(call: endpoints.GetLessonSchedule, uow: UnitOfWork) -> LessonSchedule:
    """Return a lesson schedule, in the representation without a status."""
    uow.get_or_404("lesson_schedules", call.lesson_schedule_id)
    sql = f"""
        SELECT {COLUMNS}, {IS_OPEN} AS active, {CLIENT_ID} AS client_id,
            u.user_name AS user_user_name, u.employee_number AS user_employee_number,
            v.questionnaire_pass_rate, v.status AS version_status,
            {STATUS} IN ('due', 'overdue') AS schedule_over_email_attempted,
            {STATUS} = 'overdue' AS overdue_email_attempted
        {JOINS} WHERE s.id = :id
    """
    row = dict(uow.store.fetch_one(sql, {"id": call.lesson_schedule_id, "now": uow.timestamp}) or {})
    status, version_id = row.pop("version_status"), row["lesson_version_id"]
    return LessonSchedule(
        **row,
        client_name=CLIENT_NAME,
        published=PUBLISHED_CODES[status],
        lesson_thumbnail=lesson_schedule_repository.thumbnail_url(uow, version_id),
        user_groups=_fetch_groups(uow, row["user_id"]),
        supervisors=_fetch_supervisors(uow, row["user_id"]),
        movie_id=version_id,
        movie_physical_uri=f"download/lessons/{version_id}/movieFile.mp4",
        movie_size_in_bytes=row["lesson_duration"] * 100,
    )


@operation(endpoints.ListUserLessonSchedules)
def list_schedules(call: endpoints.ListUserLessonSchedules, uow: UnitOfWork) -> Page[UserLessonSchedule]:
    """Return a page of a user's lesson schedules; it has no meta."""
    uow.get_or_404("users", call.user_id)
    status = call.status or LessonScheduleFilter.ALL
    from_clause = f"{JOINS} WHERE s.user_id = :user_id AND :status IN ('all', {STATUS})"
    params = {"user_id": call.user_id, "status": status.value, "now": uow.timestamp}
    rows = uow.fetch_page(f"{COLUMNS}, {STATUS} AS status", from_clause, params, order_by="s.id")
    schedules = [
        UserLessonSchedule(
            **dict(row),
            schedule_type="automatic",
            status_id=lesson_schedule_repository.STATUS_IDS[row["status"]],
            lesson_thumbnail=lesson_schedule_repository.thumbnail_url(uow, row["lesson_version_id"]),
        )
        for row in rows
    ]
    return uow.build_page(schedules, None)


@operation(endpoints.ScheduleUser)
def schedule_user(call: endpoints.ScheduleUser, uow: UnitOfWork) -> dict[str, list[int]]:
    """Schedule a user to all lesson versions or none, and return the ids of the schedules."""
    user = uow.get_or_404("users", call.user_id)
    if user["client_status_id"] != ClientStatus.ACTIVE:
        raise bad_request(f"User {call.user_id} is not active and cannot be scheduled")
    for version_id in call.lesson_version_ids:
        version = uow.get_or_404("lesson_versions", version_id)
        if version["status"] != LessonStatus.ACTIVE:
            label = f"Lesson version {version_id} ({version['name']})"
            raise bad_request(f"{label} is {version['status']}: only an active one can be scheduled")
    start = call.schedule_date or uow.now
    end = _add_grace_period(start, call.grace_period, call.grace_period_unit)
    insert = partial(lesson_schedule_repository.insert, uow, call.user_id, start=start, end=end)
    return {"ids": [insert(version_id) for version_id in call.lesson_version_ids]}


@operation(endpoints.CompleteLesson)
def complete_lesson(call: endpoints.CompleteLesson, uow: UnitOfWork) -> dict[str, list[int]]:
    """Complete the user's open schedule, or create a completed one, and return its id."""
    uow.get_or_404("users", call.user_id)
    version = _get_completed_version(uow, call)
    recorder = uow.get_or_404("users", call.manually_completed_by_user_id)
    if recorder["client_status_id"] != ClientStatus.ACTIVE:
        raise bad_request(f"manuallyCompletedByUserId: user {recorder['id']} is not active")
    date = call.completed_date
    schedule_id = lesson_schedule_repository.find_open_id(uow, call.user_id, version["id"])
    if schedule_id is None:
        schedule_id = lesson_schedule_repository.insert(
            uow, call.user_id, version["id"], start=date, end=date
        )
    lesson_schedule_repository.complete(uow, schedule_id, recorded_by=recorder["id"], completed_at=date)
    return {"ids": [schedule_id]}


@operation(endpoints.DownloadCertificate)
def download_certificate(call: endpoints.DownloadCertificate, uow: UnitOfWork) -> bytes:
    """Return the certificate of a completed and passed schedule."""
    schedule = uow.get_or_404("lesson_schedules", call.lesson_schedule_id)
    if schedule["lesson_completed_date"] is None or not schedule["passed"]:
        message = f"No certificate found for lesson schedule {schedule['id']}: it is not completed and passed"
        raise ApiError(404, {"message": message, "reason": "Certificate not found", "statusCode": 404})
    version = uow.get_or_404("lesson_versions", schedule["lesson_version_id"])
    user = uow.get_or_404("users", schedule["user_id"])
    return certificate_pdf(
        trainee=f"{user['first_name']} {user['last_name']}".strip() or user["user_name"],
        lesson=version["name"],
        completed=datetime.fromisoformat(schedule["lesson_completed_date"]),
        number=call.lesson_schedule_id,
    )


@operation(endpoints.GetEmbedUrl, endpoints.GetEmbedUrlAllLessonTypes)
def get_embed_url(
    call: endpoints.GetEmbedUrl | endpoints.GetEmbedUrlAllLessonTypes, uow: UnitOfWork
) -> dict[str, str]:
    """Return the URL of the player for an open schedule; lessons of every type have one."""
    lesson_schedule_repository.get_open(uow, call.lesson_schedule_id)
    token = secrets.token_urlsafe(24)
    return {"embedUrl": f"{uow.base_url}/#player/{call.lesson_schedule_id}?embed=true&token={token}"}


def _add_grace_period(start: datetime, period: int, unit: GracePeriodUnit) -> datetime:
    try:
        if unit == GracePeriodUnit.DAYS:
            return start + timedelta(days=period)
        return pendulum.instance(start).add(months=period)
    except (OverflowError, ValueError):
        raise bad_request(f"gracePeriod: {period} {unit} end after the year 9999") from None


def _get_completed_version(uow: UnitOfWork, call: endpoints.CompleteLesson) -> sqlite3.Row:
    """Return the requested lesson version, or the published version of the requested lesson."""
    if call.lesson_version_id is None:
        return _get_published_version(uow, call.lesson_id or 0)
    version = uow.get_or_404("lesson_versions", call.lesson_version_id)
    if call.lesson_id not in (None, version["lesson_id"]):
        raise bad_request(f"lessonVersionId {version['id']} is not a version of lessonId {call.lesson_id}")
    if version["status"] not in (LessonStatus.ACTIVE, LessonStatus.INACTIVE):
        raise bad_request(f"Lesson version {version['id']} ({version['name']}) was never published")
    return version


def _get_published_version(uow: UnitOfWork, lesson_id: int) -> sqlite3.Row:
    uow.get_or_404("lessons", lesson_id)
    sql = "SELECT * FROM lesson_versions WHERE lesson_id = ? AND status = 'active'"
    version = uow.store.fetch_one(sql, [lesson_id])
    if version is None:
        raise bad_request(f"Lesson {lesson_id} has no published version")
    return version


def _fetch_groups(uow: UnitOfWork, user_id: int) -> list[JsonValue]:
    sql = "SELECT id, name FROM groups JOIN group_members ON group_id = id WHERE user_id = ? ORDER BY id"
    return [dict(row) for row in uow.store.fetch_all(sql, [user_id])]


def _fetch_supervisors(uow: UnitOfWork, user_id: int) -> list[JsonValue]:
    sql = """
        SELECT DISTINCT u.id, u.first_name AS firstName, u.last_name AS lastName
        FROM group_members m
        JOIN group_supervisors s ON s.group_id = m.group_id
        JOIN users u ON u.id = s.user_id
        WHERE m.user_id = ? ORDER BY u.id
    """
    return [dict(row) for row in uow.store.fetch_all(sql, [user_id])]
