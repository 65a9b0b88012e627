"""Listings of the control plane: what the store contains, searched and paged, for the page at ``/``."""

# ruff: noqa: TC001 (FastAPI evaluates the annotations of routes)

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query

from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.emulator.control import State
from airflow_provider_damstra.emulator.lesson_schedule_repository import IS_OPEN, STATUS
from airflow_provider_damstra.emulator.settings import CONTROL_PREFIX
from airflow_provider_damstra.emulator.store import contains_pattern
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus

MAX_ROWS = 200

listing_router = APIRouter(prefix=CONTROL_PREFIX, tags=["control plane: listings"])


class ScheduleFilter(StrEnum):
    """Which lesson schedules are listed: all, the open ones, or those in a status."""

    ALL = "all"
    OPEN = "open"
    SCHEDULED = LessonScheduleStatus.SCHEDULED
    DUE = LessonScheduleStatus.DUE
    OVERDUE = LessonScheduleStatus.OVERDUE
    COMPLETED = LessonScheduleStatus.COMPLETED
    CANCELLED = LessonScheduleStatus.CANCELLED


class _Listing(NamedTuple):
    """A query: its columns and tables, the text that is searched, and the order."""

    columns: str
    from_clause: str
    text: str
    order_by: str


_USERS = _Listing(
    """
    u.id, u.user_name AS userName, trim(u.first_name || ' ' || u.last_name) AS name,
    u.email_address AS emailAddress, u.employee_number AS employeeNumber, u.client_status_id = 56 AS active,
    (SELECT group_concat(name, ', ') FROM group_members JOIN groups ON groups.id = group_id
        WHERE user_id = u.id) AS groups,
    (SELECT count(*) FROM lesson_schedules s WHERE s.user_id = u.id AND """
    + IS_OPEN
    + ") AS openSchedules",
    "FROM users u",
    "u.id || ' ' || u.user_name || ' ' || u.first_name || ' ' || u.last_name || ' ' || u.email_address || ' '"
    " || coalesce(u.employee_number, '')",
    "u.id",
)
_LESSONS = _Listing(
    """
    v.id AS lessonVersionId, v.lesson_id AS lessonId, v.name, v.version, v.status,
    v.duration / 60000 AS minutes, l.instructor_led AS instructorLed,
    (SELECT count(*) FROM lesson_schedules s WHERE s.lesson_version_id = v.id AND """
    + IS_OPEN
    + ") AS openSchedules",
    "FROM lesson_versions v JOIN lessons l ON l.id = v.lesson_id",
    "v.id || ' ' || v.lesson_id || ' ' || v.name || ' ' || v.status",
    "v.id",
)
_SCHEDULES = _Listing(
    f"""
    s.id, s.user_id AS userId, trim(u.first_name || ' ' || u.last_name) AS userName, v.name AS lessonName,
    {STATUS} AS status, s.start_date AS startDate, s.end_date AS endDate,
    s.lesson_started_date AS startedDate, s.lesson_completed_date AS completedDate, s.passed
    """,
    """
    FROM lesson_schedules s JOIN users u ON u.id = s.user_id
    JOIN lesson_versions v ON v.id = s.lesson_version_id
    """,
    "s.id || ' ' || s.user_id || ' ' || u.first_name || ' ' || u.last_name || ' ' || v.name",
    "s.id DESC",
)
_SESSIONS = _Listing(
    """
    s.id, coalesce(v.name, '') AS lessonName, trim(i.first_name || ' ' || i.last_name) AS instructorName,
    s.location, s.starts_at AS startDate, s.ends_at AS endDate, s.number_of_places AS places,
    CASE s.status_id WHEN 2 THEN 'completed' WHEN 3 THEN 'cancelled' ELSE 'active' END AS status,
    CASE WHEN :now < s.starts_at THEN 'upcoming' WHEN :now < s.ends_at THEN 'in progress' ELSE 'past' END
        AS state,
    (SELECT count(*) FROM ilt_attendees a WHERE a.session_id = s.id) AS attendees
    """,
    """
    FROM ilt_sessions s JOIN users i ON i.id = s.instructor_id
    LEFT JOIN lesson_versions v ON v.lesson_id = s.lesson_id AND v.status = 'active'
    """,
    "s.id || ' ' || coalesce(v.name, '') || ' ' || i.first_name || ' ' || i.last_name || ' ' || s.location",
    "s.starts_at DESC, s.id",
)


class _Page:
    """The search and the page of a request.

    :param q: words that a row contains, regardless of case.
    """

    def __init__(
        self,
        state: State,
        q: Annotated[str, Query(max_length=200)] = "",
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 50,
    ) -> None:
        self._state = state
        self._words = {f"word_{number}": contains_pattern(word) for number, word in enumerate(q.split())}
        self._page = {"offset": offset, "limit": limit}

    def fetch(self, listing: _Listing, *conditions: str, **params: Any) -> dict[str, Any]:
        """Return the rows of the page, and the number of all that match the search and the conditions."""
        found = [f"{listing.text} LIKE :{name} ESCAPE '!'" for name in self._words]
        where = " AND ".join(f"({condition})" for condition in (*conditions, *found)) or "true"
        params |= {**self._words, "now": format_utc_milliseconds(self._state.clock.now())}
        store = self._state.store
        rows = store.fetch_all(
            f"SELECT {listing.columns} {listing.from_clause} WHERE {where}"
            f" ORDER BY {listing.order_by} LIMIT :limit OFFSET :offset",
            {**params, **self._page},
        )
        total = store.fetch_value(f"SELECT count(*) {listing.from_clause} WHERE {where}", params)
        return {"results": [dict(row) for row in rows], "total": total}


Page = Annotated[_Page, Depends()]


@listing_router.get("/users")
async def list_users(page: Page) -> dict[str, Any]:
    """Return users, active or not, with the number of their open lesson schedules."""
    return page.fetch(_USERS)


@listing_router.get("/lessons")
async def list_lessons(page: Page) -> dict[str, Any]:
    """Return lesson versions."""
    return page.fetch(_LESSONS)


@listing_router.get("/lesson_schedules")
async def list_schedules(
    page: Page, status: ScheduleFilter = ScheduleFilter.ALL, user_id: int | None = None
) -> dict[str, Any]:
    """Return lesson schedules, the latest first."""
    conditions = [] if user_id is None else ["s.user_id = :user_id"]
    if status == ScheduleFilter.OPEN:
        conditions.append(IS_OPEN)
    elif status != ScheduleFilter.ALL:
        conditions.append(f"{STATUS} = :status")
    return page.fetch(_SCHEDULES, *conditions, user_id=user_id, status=status.value)


@listing_router.get("/ilt_sessions")
async def list_sessions(page: Page) -> dict[str, Any]:
    """Return ILT sessions, the latest first."""
    return page.fetch(_SESSIONS)
