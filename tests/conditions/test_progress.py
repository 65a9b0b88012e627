"""Texts about a wait: who and what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.conditions.progress import (
    MAX_OPEN_ITEMS,
    describe_open_items,
    describe_progress,
    describe_times,
)
from airflow_provider_damstra.conditions.user import GroupLessonCondition, UserLessonsCondition
from airflow_provider_damstra.endpoints import DownloadCertificate, ListGroupMembers
from tests.conditions.factories import NOT_FOUND, USER, row, user_query

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Condition


def schedules(count: int) -> LessonScheduleCondition:
    """Return a condition that has no response yet."""
    ids = range(1, count + 1)
    return LessonScheduleCondition(
        lesson_schedule_ids=list(ids), users_by_schedule={str(one): USER for one in ids}
    )


def test_first_twenty_open_items_are_named() -> None:
    condition = schedules(MAX_OPEN_ITEMS + 3)
    condition.update(user_query(), [row(number) for number in range(1, MAX_OPEN_ITEMS + 4)])
    text = describe_open_items(condition)
    assert text.count("lesson schedule") == MAX_OPEN_ITEMS == 20
    assert text.endswith("; and 3 more.")


def test_items_without_response_are_named_by_id() -> None:
    assert describe_progress("", schedules(1)) == f"Open: lesson schedule 1: user {USER} (open)."


def test_completed_items_are_not_open() -> None:
    condition = schedules(2)
    condition.update(user_query(), [row(1, "completed"), row(2, "completed")])
    assert describe_progress("2 of 2", condition) == "2 of 2."


def test_control_characters_of_names_are_escaped() -> None:
    condition = schedules(1)
    condition.update(user_query(), [row(1, lesson_name="First\x1b[2J", first_name="Ada")])
    assert "First\\x1b[2J" in describe_open_items(condition)


@pytest.mark.parametrize(
    ("condition", "state"),
    [
        (
            UserLessonsCondition(user_id=USER, lesson_ids=[7], require_passed=True),
            "completed with a failed test",
        ),
        (UserLessonsCondition(user_id=USER, lesson_ids=[8]), "not scheduled"),
    ],
)
def test_state_of_open_lesson_is_described(condition: Condition, state: str) -> None:
    condition.update(user_query(), [row(1, "completed", lesson_id=7)])
    condition.update(DownloadCertificate(lesson_schedule_id=1), NOT_FOUND)
    assert describe_open_items(condition).endswith(f"({state}).")


def test_group_without_members_has_no_open_items() -> None:
    condition = GroupLessonCondition(group_id=1, lesson_id=2)
    assert describe_open_items(condition) == ""
    condition.update(ListGroupMembers(group_id=1), NOT_FOUND)
    assert describe_open_items(condition) == ""


@pytest.mark.parametrize(
    ("next_poll", "deadline", "text"),
    [
        (None, None, ""),
        (59.9, None, "Next poll at 1970-01-01 00:01:00 UTC."),
        (0.0, 1e15, "Next poll at 1970-01-01 00:00:00 UTC, deadline at never."),
        (None, 3600.0, "Deadline at 1970-01-01 01:00:00 UTC."),
    ],
)
def test_times_are_one_sentence_in_utc(next_poll: float | None, deadline: float | None, text: str) -> None:
    assert describe_times(next_poll=next_poll, deadline=deadline) == text
