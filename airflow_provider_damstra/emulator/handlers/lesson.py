"""Handlers of lessons, whose listings have a row per lesson version."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.emulator.api_errors import TOKEN_NOT_VALID
from airflow_provider_damstra.emulator.clock import format_utc_seconds
from airflow_provider_damstra.emulator.routing import operation
from airflow_provider_damstra.emulator.settings import CLIENT_ID
from airflow_provider_damstra.emulator.store import contains_pattern, where_clause
from airflow_provider_damstra.models.lesson import (
    Lesson,
    LessonDetails,
    LessonStatus,
    LessonVersionCustomField,
)

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page

# Damstra documents 65 for an active lesson; the other numbers are assumptions.
PUBLISHED_CODES = {
    LessonStatus.ACTIVE: 65,
    LessonStatus.INACTIVE: 66,
    LessonStatus.NEVER: 67,
    LessonStatus.RENDERING: 68,
    LessonStatus.ERROR: 69,
}


@operation(endpoints.ListLessons, invalid_key_body=TOKEN_NOT_VALID)
def list_lessons(call: endpoints.ListLessons, uow: UnitOfWork) -> Page[Lesson]:
    """Return a page of lesson versions with their custom fields."""
    rows, total = _fetch_versions(call, uow)
    fields = _fetch_custom_fields(uow, [row["lesson_version_id"] for row in rows])
    lessons = [
        Lesson(**dict(row), lesson_version_custom_fields=fields[row["lesson_version_id"]]) for row in rows
    ]
    return uow.build_page(lessons, total)


@operation(endpoints.ListLessonDetails, invalid_key_body=TOKEN_NOT_VALID)
def list_lesson_details(call: endpoints.ListLessonDetails, uow: UnitOfWork) -> Page[LessonDetails]:
    """Return a page of lesson versions with their publishing details.

    As documented, the page and its meta have dates, and the text ``null`` as an id.
    """
    rows, total = _fetch_versions(call, uow)
    excluded = {"questionnaire_type", "created_date", "modified_date"}
    details = [
        LessonDetails(
            **{name: value for name, value in dict(row).items() if name not in excluded},
            published=PUBLISHED_CODES[row["status"]],
        )
        for row in rows
    ]
    now = format_utc_seconds(uow.now)
    return uow.build_page(details, total, createdDate=now, modifiedDate=now, id="null")


def _fetch_versions(
    call: endpoints.ListLessons | endpoints.ListLessonDetails, uow: UnitOfWork
) -> tuple[list[sqlite3.Row], int]:
    columns = f"""
        id AS lesson_version_id, lesson_id, name, duration, status, in_library,
        version, {CLIENT_ID} AS client_id, questionnaire_type, created_date, modified_date
    """
    lesson_ids, states = call.lesson_ids, call.published_states
    where, params = where_clause(
        {
            "name LIKE :q ESCAPE '!'": contains_pattern(call.q),
            "lesson_id IN (SELECT value FROM json_each(:ids))": lesson_ids and json.dumps(lesson_ids),
            "status IN (SELECT value FROM json_each(:states))": states and json.dumps(states),
        }
    )
    from_clause = f"FROM lesson_versions WHERE {where}"
    return uow.fetch_page(columns, from_clause, params), uow.store.count(from_clause, params)


def _fetch_custom_fields(
    uow: UnitOfWork, version_ids: list[int]
) -> dict[int, list[LessonVersionCustomField]]:
    fields: dict[int, list[LessonVersionCustomField]] = defaultdict(list)
    sql = """
        SELECT * FROM lesson_version_custom_fields
        WHERE lesson_version_id IN (SELECT value FROM json_each(?)) ORDER BY id
    """
    for row in uow.store.fetch_all(sql, [json.dumps(version_ids)]):
        fields[row["lesson_version_id"]].append(LessonVersionCustomField(**dict(row)))
    return fields
