"""Queries of the views on the tables of exports: training records, training status, current matrix.

Statuses are those at the time of the query: a lesson whose due date has passed since the last load is
overdue. The schedule of a user and a lesson that counts is the one that ``deciding_schedule`` of the training
matrix selects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, and_, case, cast, func, null, or_, select, true

from airflow_provider_damstra.exports.training_matrix.matrix import NOT_SCHEDULED
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus
from airflow_provider_damstra.models.user import ClientStatus

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.selectable import CTE, FromClause, Subquery

    from airflow_provider_damstra.exports.sql.view_sources import ViewSources

_COMPLETED = LessonScheduleStatus.COMPLETED.value
_CANCELLED = LessonScheduleStatus.CANCELLED.value
_OVERDUE = LessonScheduleStatus.OVERDUE.value
_SCHEDULED = LessonScheduleStatus.SCHEDULED.value
_PERSON = ("employee_number", "first_name", "last_name")
_USER_COLUMNS = (*_PERSON, "client_status_id")


def training_record(sources: ViewSources) -> Select[Any]:
    """Select all lesson schedules, with the user, the lesson and the status."""
    schedules = _schedules_with_status(sources)
    users = sources.read("users", "id", optional=_USER_COLUMNS)
    is_open = schedules.c.status.not_in((_COMPLETED, _CANCELLED, _OVERDUE))
    return select(
        schedules.c.id.label("lesson_schedule_id"),
        schedules.c.user_id,
        users.c.employee_number,
        func.coalesce(users.c.first_name, schedules.c.user_first_name).label("first_name"),
        func.coalesce(users.c.last_name, schedules.c.user_last_name).label("last_name"),
        case((users.c.id.is_not(None), _is_active(users.c.client_status_id))).label("active"),
        schedules.c.lesson_id,
        schedules.c.lesson_name,
        schedules.c.lesson_version_id,
        schedules.c.version,
        case((is_open, "open"), else_=schedules.c.status).label("state"),
        schedules.c.status,
        schedules.c.start_date.label("starts_at"),
        schedules.c.end_date.label("due_at"),
        schedules.c.lesson_started_date.label("started_at"),
        schedules.c.lesson_completed_date.label("completed_at"),
    ).join_from(schedules, users, users.c.id == schedules.c.user_id, isouter=True)


def training_status(sources: ViewSources) -> Select[Any]:
    """Select the schedule of each user and lesson that counts."""
    record = training_record(sources).cte("record")
    priority = case((record.c.status == _CANCELLED, 0), (record.c.status == _SCHEDULED, 1), else_=2)
    starts_at, completed_at = record.c.starts_at, record.c.completed_at
    is_completion_later = or_(starts_at.is_(None), completed_at > starts_at)
    latest = case((is_completion_later, completed_at), else_=starts_at)
    order = (priority.desc(), latest.desc().nulls_last(), record.c.lesson_schedule_id.desc())
    rank = func.row_number().over(partition_by=(record.c.user_id, record.c.lesson_id), order_by=order)
    ranked = select(record, rank.label("rank")).where(record.c.lesson_id.is_not(None)).subquery("ranked")
    names = ("user_id", *_PERSON, "active", "lesson_id", "lesson_name", "version", "state", "status")
    dates = ("lesson_schedule_id", "starts_at", "due_at", "started_at", "completed_at")
    return select(*(ranked.c[name] for name in (*names, *dates))).where(ranked.c.rank == 1)


def current_matrix(sources: ViewSources) -> Select[Any]:
    """Select the active members of each group by the lessons that one of them is or was scheduled to."""
    status, member = training_status(sources).cte("status"), _members(sources).cte("member")
    lesson = _lessons_of_groups(member, status)
    is_cell = and_(status.c.user_id == member.c.user_id, status.c.lesson_id == lesson.c.lesson_id)
    group_name, groups = _group_names(sources)
    cells = member.join(lesson, lesson.c.group_id == member.c.group_id).outerjoin(status, is_cell)
    if groups is not None:
        cells = cells.outerjoin(groups, groups.c.id == member.c.group_id)
    return select(
        member.c.group_id,
        group_name.label("group_name"),
        member.c.user_id,
        *(member.c[name] for name in _PERSON),
        lesson.c.lesson_id,
        lesson.c.lesson_name,
        func.coalesce(status.c.status, NOT_SCHEDULED).label("status"),
        *(status.c[name] for name in ("lesson_schedule_id", "due_at", "completed_at")),
    ).select_from(cells)


VIEWS: Mapping[str, Callable[[ViewSources], Select[Any]]] = {
    view.__name__: view for view in (training_record, training_status, current_matrix)
}
"""The query of each view, by its name."""


def _schedules_with_status(sources: ViewSources) -> Subquery:
    """Select lesson schedules with the status at the time of the query; unknown statuses are kept."""
    required = ("id", "user_id", "lesson_id", "status", "start_date", "end_date", "lesson_completed_date")
    others = ("lesson_started_date", "lesson_version_id", "version", "lesson_name")
    names = ("user_first_name", "user_last_name")
    rows = sources.read("lesson_schedules", *required, optional=(*others, *names)).c
    known, now = [status.value for status in LessonScheduleStatus], _now(sources)
    status = case(
        (or_(rows.lesson_completed_date.is_not(None), rows.status == _COMPLETED), _COMPLETED),
        (or_(rows.status == _CANCELLED, rows.status.not_in(known)), rows.status),
        (or_(rows.status == _OVERDUE, rows.end_date < now), _OVERDUE),
        (rows.start_date > now, _SCHEDULED),
        (rows.start_date.is_(None), func.coalesce(rows.status, "open")),
        else_=LessonScheduleStatus.DUE.value,
    )
    columns = (column for column in rows if column.name != "status")
    return select(*columns, status.label("status")).subquery("schedules")


def _now(sources: ViewSources) -> ColumnElement[Any]:
    """Return the time of the query, in the form of the columns of times."""
    is_sqlite = sources.connection.dialect.name == "sqlite"
    return func.strftime("%Y-%m-%dT%H:%M:%fZ", "now") if is_sqlite else func.now()


def _is_active(client_status_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.coalesce(client_status_id, ClientStatus.ACTIVE.value) != ClientStatus.NOT_CURRENT.value


def _members(sources: ViewSources) -> Select[Any]:
    """Select the active members of each group: from their listing, or else from the groups of each user."""
    if sources.has("group_members"):
        users = sources.read("users", "id", optional=_USER_COLUMNS)
        listed = sources.read("group_members", "group_id", "id", optional=_USER_COLUMNS)
        person: dict[str, ColumnElement[Any]] = {
            name: func.coalesce(users.c[name], listed.c[name]) for name in _USER_COLUMNS
        }
        rows: FromClause = listed.outerjoin(users, users.c.id == listed.c.id)
        ids = (listed.c.group_id, listed.c.id.label("user_id"))
    else:
        users = sources.read("users", "id", "groups", optional=_USER_COLUMNS)
        is_sqlite = sources.connection.dialect.name == "sqlite"
        unnest = func.json_each if is_sqlite else func.jsonb_array_elements_text
        group = unnest(users.c.groups).table_valued("value", name="member_of")
        person, rows = dict(users.c.items()), users.join(group, true())
        ids = (cast(group.c.value, BigInteger).label("group_id"), users.c.id.label("user_id"))
    columns = (person[name].label(name) for name in _PERSON)
    return select(*ids, *columns).select_from(rows).where(_is_active(person["client_status_id"]))


def _lessons_of_groups(member: CTE, status: CTE) -> Subquery:
    """Select the lessons of each group, with the name in the newest version."""
    newest = (func.coalesce(status.c.version, 0).desc(), status.c.lesson_name.desc().nulls_last())
    key = (member.c.group_id, status.c.lesson_id)
    rank = func.row_number().over(partition_by=key, order_by=newest)
    rows = member.join(status, status.c.user_id == member.c.user_id)
    named = select(*key, status.c.lesson_name, rank.label("rank")).select_from(rows).subquery("named")
    names = ("group_id", "lesson_id", "lesson_name")
    return select(*(named.c[name] for name in names)).where(named.c.rank == 1).subquery("lesson")


def _group_names(sources: ViewSources) -> tuple[ColumnElement[Any], Subquery | None]:
    """Return the names of groups and the table that has them, or NULL if there is no table of groups."""
    if not sources.has("groups"):
        return cast(null(), Text), None
    groups = sources.read("groups", "id", "name")
    return groups.c.name, groups
