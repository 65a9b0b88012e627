"""Queries and changes of lesson schedules."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import api_errors
from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork

# Damstra documents 94 for completed; the other numbers are assumptions.
STATUS_IDS = {
    LessonScheduleStatus.SCHEDULED: 91,
    LessonScheduleStatus.DUE: 92,
    LessonScheduleStatus.OVERDUE: 93,
    LessonScheduleStatus.COMPLETED: 94,
    LessonScheduleStatus.CANCELLED: 95,
}
COMPLETED_BY_TRAINEE, COMPLETED_MANUALLY = 77, 78

IS_OPEN = "s.lesson_completed_date IS NULL AND s.cancelled_date IS NULL"
STATUS = """
    CASE
        WHEN s.lesson_completed_date IS NOT NULL THEN 'completed'
        WHEN s.cancelled_date IS NOT NULL THEN 'cancelled'
        WHEN :now < s.start_date THEN 'scheduled'
        WHEN :now <= s.end_date THEN 'due'
        ELSE 'overdue'
    END
"""
JOINS = """
    FROM lesson_schedules s
    JOIN lesson_versions v ON v.id = s.lesson_version_id
    JOIN users u ON u.id = s.user_id
    LEFT JOIN users c ON c.id = s.lesson_completed_by
"""
# The fields of both representations of a schedule. 81 and 129 are documented examples without explanation.
COLUMNS = f"""
    s.id, s.user_id, s.lesson_version_id, s.start_date, s.end_date, s.lesson_started_date,
    s.lesson_completed_date, s.lesson_completed_by, s.created_date, s.modified_date,
    v.lesson_id, v.version, v.name AS lesson_name, v.duration AS lesson_duration, v.chapter_count,
    v.questionnaire_type, v.question_count,
    CASE WHEN s.lesson_completed_date IS NULL THEN 0 ELSE v.duration END AS progress,
    CASE
        WHEN s.lesson_completed_date IS NULL THEN NULL
        WHEN s.is_manual THEN {COMPLETED_MANUALLY} ELSE {COMPLETED_BY_TRAINEE}
    END AS completion_type_id,
    nullif(trim(c.first_name || ' ' || c.last_name), '') AS lesson_completed_by_name,
    u.first_name AS user_first_name, u.last_name AS user_last_name,
    81 AS type_id, 129 AS lesson_evolution, v.id AS thumbnail_id
"""


def thumbnail_url(uow: UnitOfWork, version_id: int) -> str:
    """Return the URL of a lesson version's thumbnail."""
    return f"{uow.base_url}/downloads/lessons/{version_id}/thumbnail.png"


def get_open(uow: UnitOfWork, schedule_id: int) -> sqlite3.Row:
    """Return an open schedule.

    :raises ApiError: 840 if it does not exist, 837 if it is completed, 836 if it is cancelled.
    """
    row = uow.get_or_404("lesson_schedules", schedule_id)
    if row["lesson_completed_date"] is not None:
        raise api_errors.ApiError(409, api_errors.SCHEDULE_COMPLETED)
    if row["cancelled_date"] is not None:
        raise api_errors.ApiError(409, api_errors.SCHEDULE_CANCELLED)
    return row


def find_open_id(uow: UnitOfWork, user_id: int, version_id: int) -> int | None:
    """Return the id of a user's open schedule of a lesson version, or None."""
    sql = f"SELECT id FROM lesson_schedules s WHERE user_id = ? AND lesson_version_id = ? AND {IS_OPEN}"
    schedule_id: int | None = uow.store.fetch_value(sql, [user_id, version_id])
    return schedule_id


def insert(uow: UnitOfWork, user_id: int, version_id: int, *, start: datetime, end: datetime) -> int:
    """Create a schedule and return its id.

    :raises ApiError: 409 if the user has an open schedule of the lesson version.
    """
    if find_open_id(uow, user_id, version_id) is not None:
        raise api_errors.ApiError(409, api_errors.SCHEDULE_EXISTS)
    schedule_id = uow.insert(
        "lesson_schedules",
        user_id=user_id,
        lesson_version_id=version_id,
        start_date=format_utc_milliseconds(start),
        end_date=format_utc_milliseconds(end),
    )
    uow.emit("lesson.schedule.created", schedule_id, user_id)
    return schedule_id


def complete(
    uow: UnitOfWork,
    schedule_id: int,
    *,
    passed: bool = True,
    recorded_by: int | None = None,
    completed_at: datetime | None = None,
) -> None:
    """Complete an open schedule.

    :param recorded_by: the user who records the completion; None means that the trainee completed the lesson.
    :param completed_at: the time of completion; by default now.
    """
    row = get_open(uow, schedule_id)
    completed = format_utc_milliseconds(completed_at or uow.now)
    uow.update(
        "lesson_schedules",
        schedule_id,
        lesson_started_date=row["lesson_started_date"] or completed,
        lesson_completed_date=completed,
        lesson_completed_by=recorded_by or row["user_id"],
        is_manual=recorded_by is not None,
        passed=passed,
    )
    uow.emit("lesson.schedule.completed", schedule_id, row["user_id"])


def cancel(uow: UnitOfWork, schedule_id: int) -> None:
    """Cancel an open schedule."""
    row = get_open(uow, schedule_id)
    uow.update("lesson_schedules", schedule_id, cancelled_date=uow.timestamp)
    uow.emit("lesson.schedule.cancelled", schedule_id, row["user_id"], "SCHEDULE_CANCELLED_MANUALLY")


def start(uow: UnitOfWork, schedule_id: int) -> None:
    """Start the lesson of an open schedule; a started one keeps its start.

    :raises ApiError: 409 before the schedule's start date.
    """
    row = get_open(uow, schedule_id)
    if uow.timestamp < row["start_date"]:
        raise api_errors.conflict(
            f"Lesson schedule {schedule_id} cannot be started before {row['start_date']}"
        )
    started = row["lesson_started_date"] or uow.timestamp
    uow.update("lesson_schedules", schedule_id, lesson_started_date=started)


def reschedule(uow: UnitOfWork, schedule_id: int, start: datetime) -> None:
    """Move an open schedule to another start; its duration stays."""
    row = get_open(uow, schedule_id)
    duration = datetime.fromisoformat(row["end_date"]) - datetime.fromisoformat(row["start_date"])
    start_date, end_date = format_utc_milliseconds(start), format_utc_milliseconds(start + duration)
    if uow.update("lesson_schedules", schedule_id, start_date=start_date, end_date=end_date):
        uow.emit("lesson.schedule.changed", start_date, schedule_id, row["user_id"])


def summarize(uow: UnitOfWork, schedule_id: int) -> dict[str, Any]:
    """Return id, user, lesson and status of a schedule, for the control plane."""
    uow.get_or_404("lesson_schedules", schedule_id)
    sql = f"""
        SELECT s.id, s.user_id AS userId, v.name AS lessonName, {STATUS} AS status, s.passed
        {JOINS} WHERE s.id = :id
    """
    row = dict(uow.store.fetch_one(sql, {"id": schedule_id, "now": uow.timestamp}) or {})
    return {**row, "passed": None if row["passed"] is None else bool(row["passed"])}
