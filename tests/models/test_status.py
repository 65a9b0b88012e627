"""Status properties of schedules, lessons and sessions; totals of pages."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_damstra.models import (
    IltSession,
    Lesson,
    LessonSchedule,
    Page,
    User,
    UserLessonSchedule,
)

DONE = "2026-01-30T15:28:59+0000"


def schedule(status: str | None, completed: str | None = None) -> UserLessonSchedule:
    return UserLessonSchedule.model_validate({"id": 1, "status": status, "lessonCompletedDate": completed})


@pytest.mark.parametrize(
    ("status", "completed", "state"),
    [
        ("scheduled", None, "open"),
        ("due", None, "open"),
        ("overdue", None, "overdue"),
        ("completed", None, "completed"),
        ("cancelled", None, "cancelled"),
        ("paused", None, "open"),
        (None, None, "open"),
        # The completion date takes precedence over an outdated status.
        ("due", DONE, "completed"),
        ("overdue", DONE, "completed"),
        ("cancelled", DONE, "completed"),
    ],
)
def test_user_lesson_schedule_state(status: str | None, completed: str | None, state: str) -> None:
    found = schedule(status, completed)
    assert found.state == state
    assert found.is_open is (state in ("open", "overdue"))
    assert found.is_overdue is (state == "overdue")
    assert found.is_completed is (state == "completed")
    assert found.is_cancelled is (state == "cancelled")


@pytest.mark.parametrize(("completed", "expected"), [(None, False), ("null", False), (DONE, True)])
def test_lesson_schedule_is_completed_with_completion_date(completed: str | None, expected: bool) -> None:
    found = LessonSchedule.model_validate({"id": 1, "lessonCompletedDate": completed})
    assert found.is_completed is expected


@pytest.mark.parametrize("status", ["active", "inactive", "never", "rendering", "error", "archived", None])
def test_only_active_lesson_can_be_scheduled(status: str | None) -> None:
    lesson = Lesson.model_validate({"lessonVersionId": 1, "status": status})
    assert lesson.can_be_scheduled is (status == "active")


@pytest.mark.parametrize(
    ("status_id", "name"), [(1, "active"), (2, "completed"), (3, "cancelled"), (9, "status 9")]
)
def test_session_status(status_id: int, name: str) -> None:
    session = IltSession.model_validate({"id": 1, "statusId": status_id})
    assert session.status_name == name
    assert (session.is_completed, session.is_cancelled) == (name == "completed", name == "cancelled")


def test_session_without_status_is_neither_completed_nor_cancelled() -> None:
    assert not (IltSession(id=1).is_completed)
    assert not (IltSession(id=1).is_cancelled)


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({"results": [{"id": 1}], "meta": {"totalResultCount": 20, "startIndex": 0, "endIndex": 20}}, 20),
        ({"results": [{"id": 1}], "meta": {}}, None),
        ({"results": [{"id": 1}], "meta": None}, None),
        ({"results": [{"id": 1}]}, None),
        # The documented example of a page whose id is the text "null".
        ({"results": [{"id": 1}], "id": "null", "meta": {"totalResultCount": 1, "id": "null"}}, 1),
    ],
)
def test_page_total_is_taken_from_meta(body: dict[str, Any], total: int | None) -> None:
    page = Page[User].model_validate(body)
    assert [user.id for user in page.results] == [1]
    assert page.total == total


def test_page_with_null_results_is_empty() -> None:
    assert Page[User].model_validate({"results": None}).results == []
