"""Conditions about users: one exists, one has completed lessons, enough members of a group have."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.conditions.user import GroupLessonCondition, UserCondition, UserLessonsCondition
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.endpoints.user import ListUsers
from airflow_provider_damstra.models.user import User
from tests.conditions.factories import NOT_FOUND, USER, lesson_rows, row, user_query

NUMBER, ADDRESS = "E9001", "ada@example.com"
LESSON, OTHER_LESSON = 201, 202


@pytest.mark.parametrize("search", [{"emp_id": NUMBER}, {"email_address": ADDRESS}])
def test_queries_by_emp_id_or_email_address(search: dict[str, Any]) -> None:
    condition = UserCondition(**search)
    assert condition.queries().keys() == {ListUsers(**search)}
    assert not condition.evaluate().is_done


@pytest.mark.parametrize(
    ("ids", "is_done", "failure"),
    [([], False, None), ([7], True, None), ([7, 8], True, f"2 users are {NUMBER!r}: [7, 8].")],
)
def test_outcome_by_number_of_users(ids: list[int], is_done: bool, failure: str | None) -> None:
    condition = UserCondition(emp_id=NUMBER)
    condition.update(ListUsers(emp_id=NUMBER), [User(id=one) for one in ids])
    result = condition.evaluate()
    assert (result.is_done, result.failure, result.result) == (is_done, failure, ids)


def test_progress_names_user() -> None:
    condition = UserCondition(email_address=ADDRESS)
    assert condition.evaluate().progress == f"User {ADDRESS!r} does not exist yet"
    condition.update(ListUsers(email_address=ADDRESS), [User(id=7)])
    assert condition.evaluate().progress == f"User {ADDRESS!r} exists"


def test_not_found_is_not_done() -> None:
    condition = UserCondition(emp_id=NUMBER)
    condition.update(ListUsers(emp_id=NUMBER), NOT_FOUND)
    assert not condition.evaluate().is_done


def test_user_can_disappear_between_polls() -> None:
    condition = UserCondition(emp_id=NUMBER)
    condition.update(ListUsers(emp_id=NUMBER), [User(id=7)])
    condition.update(ListUsers(emp_id=NUMBER), [])
    assert not condition.evaluate().is_done


@pytest.mark.parametrize("search", [{}, {"emp_id": ""}, {"emp_id": "  "}, {"email_address": ""}])
def test_empty_search_is_rejected(search: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        UserCondition(**search)


# The schedules, fail_on, and whether the condition is done and has failed.
LESSON_STATES = [
    ({}, ("cancelled",), False, False),
    ({"_201": "completed"}, ("cancelled",), False, False),
    ({"_201": "completed", "_202": "open"}, ("cancelled",), False, False),
    ({"_201": "completed", "_202": "completed"}, ("cancelled",), True, False),
    ({"_201": "completed", "_202": "cancelled"}, ("cancelled",), True, True),
    ({"_201": "completed", "_202": "cancelled"}, (), False, False),
    ({"_201": "completed", "_202": "overdue"}, ("cancelled",), False, False),
    ({"_201": "completed", "_202": "overdue"}, ("overdue",), True, True),
    ({"_201": "completed", "_202": "cancelled", "_202_again": "open"}, ("cancelled",), False, False),
    ({"_201": "completed", "_202": "cancelled", "_202_again": "completed"}, ("cancelled",), True, False),
    ({"_201": "completed", "_202": "completed", "_202_again": "overdue"}, ("overdue",), True, False),
    ({"_201": "completed", "_202": "overdue", "_202_again": "open"}, ("overdue",), False, False),
    ({"_201": "completed", "_203": "cancelled"}, ("cancelled",), False, False),
]


@pytest.mark.parametrize(("states", "fail_on", "is_done", "has_failed"), LESSON_STATES)
def test_outcome_by_lesson_states(
    states: dict[str, str], fail_on: tuple[str, ...], is_done: bool, has_failed: bool
) -> None:
    condition = UserLessonsCondition(user_id=USER, lesson_ids=[LESSON, OTHER_LESSON], fail_on=fail_on)
    condition.update(user_query(), lesson_rows(**states))
    result = condition.evaluate()
    assert (result.is_done, result.failure is not None) == (is_done, has_failed)
    completed = {int(name[1:4]) for name, state in states.items() if state == "completed"}
    assert result.result == sorted(completed & {LESSON, OTHER_LESSON})


def test_queries_users_schedules_until_all_lessons_are_completed() -> None:
    condition = UserLessonsCondition(user_id=str(USER), lesson_ids="201,202")
    assert condition.queries().keys() == {user_query()}
    assert not condition.evaluate().is_done
    condition.update(user_query(), lesson_rows(_201="completed"))
    assert condition.evaluate().progress == f"User {USER} completed 1 of 2 lessons"


def test_missing_user_fails() -> None:
    condition = UserLessonsCondition(user_id=USER, lesson_ids=[LESSON])
    condition.update(user_query(), NOT_FOUND)
    assert condition.evaluate().failure == f"User {USER} does not exist."


def test_failure_names_failed_lesson() -> None:
    condition = UserLessonsCondition(user_id=USER, lesson_ids=[LESSON, OTHER_LESSON])
    condition.update(user_query(), lesson_rows(_201="completed", _202="cancelled"))
    assert (
        condition.evaluate().failure
        == f"User {USER} completed 1 of 2 lessons; lesson {OTHER_LESSON} is cancelled."
    )


@pytest.mark.parametrize(
    "ids", [{"user_id": None}, {"user_id": "x"}, {"lesson_ids": []}, {"lesson_ids": "x"}]
)
def test_invalid_user_or_lesson_ids_are_rejected(ids: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UserLessonsCondition(**{"user_id": USER, "lesson_ids": [LESSON], **ids})


MEMBERS = ListGroupMembers(group_id=9)


def group(*members: int, **options: Any) -> GroupLessonCondition:
    """Return a condition that has the group's members."""
    condition = GroupLessonCondition(**{"group_id": 9, "lesson_id": LESSON, **options})
    condition.update(MEMBERS, [User(id=member) for member in members])
    return condition


def set_state(condition: GroupLessonCondition, user_id: int, state: str) -> None:
    """Update a condition with the state of a member's lesson."""
    condition.update(user_query(user_id), [row(user_id, state, lesson_id=LESSON)])


MEMBER_STATES: list[tuple[tuple[str, ...], float, bool, bool]] = [
    (("completed",), 1.0, True, False),
    (("open",), 1.0, False, False),
    (("completed", "open"), 1.0, False, False),
    (("completed", "completed"), 1.0, True, False),
    (("completed", "cancelled"), 1.0, True, True),
    (("completed", "cancelled"), 0.5, True, False),
    (("open", "cancelled"), 0.5, False, False),
    (("cancelled", "cancelled"), 0.5, True, True),
    (("completed", "completed", "open"), 0.67, False, False),
    (("completed", "completed", "open"), 0.66, True, False),
    (("completed",) * 55 + ("open",) * 45, 0.55, True, False),
    (("completed",) * 54 + ("open",) * 46, 0.55, False, False),
]


@pytest.mark.parametrize(("states", "threshold", "is_done", "has_failed"), MEMBER_STATES)
def test_outcome_by_member_states(
    states: tuple[str, ...], threshold: float, is_done: bool, has_failed: bool
) -> None:
    condition = group(*range(1, len(states) + 1), threshold=threshold)
    for user_id, state in enumerate(states, start=1):
        set_state(condition, user_id, state)
    result = condition.evaluate()
    assert (result.is_done, result.failure is not None) == (is_done, has_failed)
    assert result.result == [user for user, state in enumerate(states, start=1) if state == "completed"]


def test_overdue_member_fails_with_fail_on_overdue() -> None:
    condition = group(1, fail_on=["overdue"])
    set_state(condition, 1, "overdue")
    assert condition.evaluate().failure == (
        f"0 of 1 members of group 9 completed lesson {LESSON}; overdue for users [1]."
    )


def test_cancelled_member_does_not_fail_with_empty_fail_on() -> None:
    condition = group(1, fail_on=())
    set_state(condition, 1, "cancelled")
    assert not condition.evaluate().is_done


@pytest.mark.parametrize("threshold", [0.01, 1.0])
def test_empty_group_is_not_done(threshold: float) -> None:
    result = group(threshold=threshold).evaluate()
    assert (result.is_done, result.failure) == (False, None)


def test_queries_only_members_before_first_poll() -> None:
    condition = GroupLessonCondition(group_id=9, lesson_id=LESSON)
    assert condition.queries().keys() == {MEMBERS}
    assert not condition.evaluate().is_done


def test_members_can_join_and_leave() -> None:
    condition = group(1, 2)
    set_state(condition, 1, "completed")
    assert not condition.evaluate().is_done
    condition.update(MEMBERS, [User(id=1), User(id=2), User(id=3)])
    assert condition.queries().keys() == {MEMBERS, user_query(2), user_query(3)}
    condition.update(MEMBERS, [User(id=1)])
    assert condition.evaluate().result == [1]
    assert condition.evaluate().is_done


def test_cancelled_member_who_leaves_no_longer_fails() -> None:
    condition = group(1, 2)
    set_state(condition, 2, "cancelled")
    assert condition.evaluate().failure
    condition.update(MEMBERS, [User(id=1)])
    assert condition.evaluate().failure is None


def test_completed_member_is_not_queried_again_after_rejoining() -> None:
    condition = group(1, 2)
    assert condition.queries().keys() == {MEMBERS, user_query(1), user_query(2)}
    set_state(condition, 1, "completed")
    assert condition.queries().keys() == {MEMBERS, user_query(2)}
    condition.update(MEMBERS, [User(id=2)])
    condition.update(MEMBERS, [User(id=1), User(id=2)])
    assert condition.queries().keys() == {MEMBERS, user_query(2)}


def test_missing_member_is_not_completed() -> None:
    condition = group(1)
    condition.update(user_query(1), NOT_FOUND)
    assert not condition.evaluate().is_done


def test_missing_group_fails() -> None:
    condition = group(1)
    condition.update(MEMBERS, NOT_FOUND)
    assert condition.evaluate().failure == "Group 9 does not exist."


@pytest.mark.parametrize(
    "ids", [{"group_id": ""}, {"group_id": None}, {"lesson_id": ""}, {"lesson_id": None}]
)
def test_invalid_group_or_lesson_id_is_rejected(ids: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        group(**ids)
