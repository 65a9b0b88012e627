"""Lesson schedules as they are read from the store, and what can happen to one."""

# ruff: noqa: S608 (tables and columns are named in this package, values are bound)

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator.clock import stored
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork

# The page shows 94 for completed; the other numbers are the emulator's.
STATUS_IDS = {
    LessonScheduleStatus.SCHEDULED: 91,
    LessonScheduleStatus.DUE: 92,
    LessonScheduleStatus.OVERDUE: 93,
    LessonScheduleStatus.COMPLETED: 94,
    LessonScheduleStatus.CANCELLED: 95,
}
COMPLETED_BY_TRAINEE, COMPLETED_BY_HAND = 77, 78

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
# What both representations of a schedule say. 81 and 129 are the page's, which does not explain them.
COLUMNS = f"""
    s.id, s.user_id, s.lesson_version_id, s.start_date, s.end_date, s.lesson_started_date,
    s.lesson_completed_date, s.lesson_completed_by, s.created_date, s.modified_date,
    v.lesson_id, v.version, v.name AS lesson_name, v.duration AS lesson_duration, v.chapter_count,
    v.questionnaire_type, v.question_count,
    CASE WHEN s.lesson_completed_date IS NULL THEN 0 ELSE v.duration END AS progress,
    CASE
        WHEN s.lesson_completed_date IS NULL THEN NULL
        WHEN s.is_manual THEN {COMPLETED_BY_HAND} ELSE {COMPLETED_BY_TRAINEE}
    END AS completion_type_id,
    nullif(trim(c.first_name || ' ' || c.last_name), '') AS lesson_completed_by_name,
    u.first_name AS user_first_name, u.last_name AS user_last_name,
    81 AS type_id, 129 AS lesson_evolution, v.id AS thumbnail_id
"""


def thumbnail(uow: UnitOfWork, version_id: int) -> str:
    """Return the address of a lesson version's picture."""
    return f"{uow.base_url}/downloads/lessons/{version_id}/thumbnail.png"


def need_schedule(uow: UnitOfWork, schedule_id: int) -> sqlite3.Row:
    """Return a schedule's row, or refuse."""
    row = uow.find("lesson_schedules", schedule_id)
    if row is None:
        raise refusals.schedule_not_found()
    return row


def need_open_schedule(uow: UnitOfWork, schedule_id: int) -> sqlite3.Row:
    """Return an open schedule's row, or refuse."""
    row = need_schedule(uow, schedule_id)
    if row["lesson_completed_date"] is not None:
        raise refusals.schedule_completed()
    if row["cancelled_date"] is not None:
        raise refusals.schedule_cancelled()
    return row


def open_schedule_id(uow: UnitOfWork, user_id: int, version_id: int) -> int | None:
    """Return the id of a user's open schedule for a lesson version, or None."""
    sql = f"SELECT id FROM lesson_schedules s WHERE user_id = ? AND lesson_version_id = ? AND {IS_OPEN}"
    found: int | None = uow.store.fetch_value(sql, [user_id, version_id])
    return found


def add_schedule(uow: UnitOfWork, user_id: int, version_id: int, *, start: datetime, end: datetime) -> int:
    """Add a schedule and return its id."""
    schedule_id = uow.insert(
        "lesson_schedules",
        user_id=user_id,
        lesson_version_id=version_id,
        start_date=stored(start),
        end_date=stored(end),
    )
    uow.report("lesson.schedule.created", schedule_id, user_id)
    return schedule_id


def complete_schedule(
    uow: UnitOfWork,
    schedule_id: int,
    *,
    passed: bool = True,
    by_hand: int | None = None,
    moment: datetime | None = None,
) -> None:
    """Complete an open schedule, or refuse.

    :param by_hand: the user who records the completion; without one, the trainee completed the lesson.
    :param moment: when the lesson was completed; now by default.
    """
    row = need_open_schedule(uow, schedule_id)
    completed = stored(moment or uow.now)
    uow.update(
        "lesson_schedules",
        schedule_id,
        lesson_started_date=row["lesson_started_date"] or completed,
        lesson_completed_date=completed,
        lesson_completed_by=by_hand or row["user_id"],
        is_manual=by_hand is not None,
        passed=passed,
    )
    uow.report("lesson.schedule.completed", schedule_id, row["user_id"])


def cancel_schedule(uow: UnitOfWork, schedule_id: int) -> None:
    """Cancel an open schedule, or refuse."""
    row = need_open_schedule(uow, schedule_id)
    uow.update("lesson_schedules", schedule_id, cancelled_date=uow.at)
    uow.report("lesson.schedule.cancelled", schedule_id, row["user_id"], "SCHEDULE_CANCELLED_MANUALLY")


def start_schedule(uow: UnitOfWork, schedule_id: int) -> None:
    """Let the trainee begin with the lesson, or refuse; beginning again changes nothing."""
    row = need_open_schedule(uow, schedule_id)
    if uow.at < row["start_date"]:
        raise refusals.conflict(f"Lesson schedule {schedule_id} cannot be started before {row['start_date']}")
    uow.update("lesson_schedules", schedule_id, lesson_started_date=row["lesson_started_date"] or uow.at)


def move_schedule(uow: UnitOfWork, schedule_id: int, start: datetime) -> None:
    """Give an open schedule another start, and as much time as before, or refuse."""
    row = need_open_schedule(uow, schedule_id)
    length = datetime.fromisoformat(row["end_date"]) - datetime.fromisoformat(row["start_date"])
    moved = {"start_date": stored(start), "end_date": stored(start + length)}
    if uow.update("lesson_schedules", schedule_id, **moved):
        uow.report("lesson.schedule.changed", moved["start_date"], schedule_id, row["user_id"])


def state(uow: UnitOfWork, schedule_id: int) -> dict[str, Any]:
    """Return id, user, lesson and status of a schedule, for the control plane."""
    need_schedule(uow, schedule_id)
    sql = f"SELECT s.id, s.user_id, v.name, {STATUS} AS status, s.passed {JOINS} WHERE s.id = :id"
    row = dict(uow.store.fetch_one(sql, {"id": schedule_id, "now": uow.at}) or {})
    passed = None if row["passed"] is None else bool(row["passed"])
    return {
        "id": row["id"],
        "userId": row["user_id"],
        "lessonName": row["name"],
        "status": row["status"],
        "passed": passed,
    }
