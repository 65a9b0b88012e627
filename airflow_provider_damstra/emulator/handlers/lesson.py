"""Lessons, a row for each version."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator.account import CLIENT_ID
from airflow_provider_damstra.emulator.clock import seconds_in_utc
from airflow_provider_damstra.emulator.routing import emulator
from airflow_provider_damstra.emulator.store import fitting, like
from airflow_provider_damstra.endpoints.lesson import ListLessonDetails, ListLessons
from airflow_provider_damstra.models.lesson import Lesson, LessonDetails, LessonStatus

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page

# The page shows 65 for an active lesson; the other numbers are the emulator's.
PUBLISHED = {
    LessonStatus.ACTIVE: 65,
    LessonStatus.INACTIVE: 66,
    LessonStatus.NEVER: 67,
    LessonStatus.RENDERING: 68,
    LessonStatus.ERROR: 69,
}


@emulator.answers(ListLessons, wrong_key=refusals.TOKEN_NOT_VALID)
def list_lessons(call: ListLessons, uow: UnitOfWork) -> Page[Lesson]:
    """Return a page of lesson versions with their custom fields."""
    rows, total = _versions(call, uow)
    fields = _custom_fields(uow, [row["lesson_version_id"] for row in rows])
    lessons = [
        Lesson(**dict(row), lesson_version_custom_fields=fields[row["lesson_version_id"]]) for row in rows
    ]
    return uow.listing(lessons, total)


@emulator.answers(ListLessonDetails, wrong_key=refusals.TOKEN_NOT_VALID)
def list_lesson_details(call: ListLessonDetails, uow: UnitOfWork) -> Page[LessonDetails]:
    """Return a page of lesson versions with their publishing details.

    The page and its meta have dates and, for an id, the text ``null``: the vendor's page shows them so.
    """
    rows, total = _versions(call, uow)
    left_out = {"questionnaire_type", "created_date", "modified_date"}
    details = [
        LessonDetails(
            **{name: value for name, value in dict(row).items() if name not in left_out},
            published=PUBLISHED[LessonStatus(row["status"])],
        )
        for row in rows
    ]
    moment = seconds_in_utc(uow.now)
    return uow.listing(details, total, createdDate=moment, modifiedDate=moment, id="null")


def _versions(call: ListLessons | ListLessonDetails, uow: UnitOfWork) -> tuple[list[sqlite3.Row], int]:
    columns = f"""
        id AS lesson_version_id, lesson_id, name, duration, status, in_library,
        version, {CLIENT_ID} AS client_id, questionnaire_type, created_date, modified_date
    """
    lesson_ids, states = call.lesson_ids, call.published_states
    where, values = fitting(
        {
            "q": ("name LIKE :q ESCAPE '!'", like(call.q)),
            "ids": (
                "lesson_id IN (SELECT value FROM json_each(:ids))",
                lesson_ids and json.dumps(lesson_ids),
            ),
            "states": ("status IN (SELECT value FROM json_each(:states))", states and json.dumps(states)),
        }
    )
    tail = f"FROM lesson_versions WHERE {where}"
    return uow.page(columns, tail, values), uow.store.count(tail, values)


def _custom_fields(uow: UnitOfWork, version_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    sql = """
        SELECT * FROM lesson_version_custom_fields
        WHERE lesson_version_id IN (SELECT value FROM json_each(?)) ORDER BY id
    """
    for row in uow.store.fetch_all(sql, [json.dumps(version_ids)]):
        found[row["lesson_version_id"]].append(dict(row))
    return found
