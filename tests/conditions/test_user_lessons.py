"""When a user, or enough members of a group, have completed lessons."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.conditions.user_lessons import GroupLessonCondition, UserLessonsCondition
from airflow_provider_damstra.endpoints.group import ListGroupMembers
from airflow_provider_damstra.models.user import User
from tests.conditions.answers import NOT_FOUND, USER, listing, row

LESSON, SECOND = 201, 202
MEMBERS = ListGroupMembers(group_id=9)


def rows(**states: str) -> list[Any]:
    """Return schedules of lessons: ``rows(_201="completed")``."""
    return [
        row(number, state, lesson_id=int(lesson.strip("_")[:3]))
        for number, (lesson, state) in enumerate(states.items())
    ]


# The schedules, what counts as lost, and whether it is over and cannot come true any more.
USERS_TABLE = [
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


@pytest.mark.parametrize(("states", "fail_on", "is_done", "has_failed"), USERS_TABLE)
def test_when_a_users_lessons_are_over(
    states: dict[str, str], fail_on: tuple[str, ...], is_done: bool, has_failed: bool
) -> None:
    wait = UserLessonsCondition(user_id=USER, lesson_ids=[LESSON, SECOND], fail_on=fail_on)
    wait.update(listing(), rows(**states))
    result = wait.evaluate()
    assert (result.is_done, result.failure is not None) == (is_done, has_failed)
    done = {int(name[1:4]) for name, state in states.items() if state == "completed"}
    assert result.result == sorted(done & {LESSON, SECOND})


def test_a_user_is_asked_for_until_all_is_done() -> None:
    wait = UserLessonsCondition(user_id=str(USER), lesson_ids="201,202")
    assert wait.queries().keys() == {listing()}
    assert not wait.evaluate().is_done
    wait.update(listing(), rows(_201="completed"))
    assert wait.evaluate().progress == f"User {USER} completed 1 of 2 lessons"


def test_a_user_who_is_not_known_fails_it_with_a_name() -> None:
    wait = UserLessonsCondition(user_id=USER, lesson_ids=[LESSON])
    wait.update(listing(), NOT_FOUND)
    assert wait.evaluate().failure == f"User {USER} does not exist."


def test_a_lost_lesson_is_named() -> None:
    wait = UserLessonsCondition(user_id=USER, lesson_ids=[LESSON, SECOND])
    wait.update(listing(), rows(_201="completed", _202="cancelled"))
    assert wait.evaluate().failure == f"User {USER} completed 1 of 2 lessons; lesson {SECOND} is cancelled."


@pytest.mark.parametrize(
    "ids", [{"user_id": None}, {"user_id": "x"}, {"lesson_ids": []}, {"lesson_ids": "x"}]
)
def test_what_is_no_user_or_lesson_is_refused(ids: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UserLessonsCondition(**{"user_id": USER, "lesson_ids": [LESSON], **ids})


def group(*members: int, **options: Any) -> GroupLessonCondition:
    """Return a wait that knows who is in the group."""
    wait = GroupLessonCondition(**{"group_id": 9, "lesson_id": LESSON, **options})
    wait.update(MEMBERS, [User(id=member) for member in members])
    return wait


def stands(wait: GroupLessonCondition, user_id: int, state: str) -> None:
    """Let a wait update how a member's lesson stands."""
    wait.update(listing(user_id), [row(user_id, state, lesson_id=LESSON)])


GROUP_TABLE: list[tuple[tuple[str, ...], float, bool, bool]] = [
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


@pytest.mark.parametrize(("states", "threshold", "is_done", "has_failed"), GROUP_TABLE)
def test_when_a_group_is_over(
    states: tuple[str, ...], threshold: float, is_done: bool, has_failed: bool
) -> None:
    wait = group(*range(1, len(states) + 1), threshold=threshold)
    for user_id, state in enumerate(states, start=1):
        stands(wait, user_id, state)
    result = wait.evaluate()
    assert (result.is_done, result.failure is not None) == (is_done, has_failed)
    assert result.result == [user for user, state in enumerate(states, start=1) if state == "completed"]


def test_overdue_members_are_lost_where_that_is_said() -> None:
    wait = group(1, fail_on=["overdue"])
    stands(wait, 1, "overdue")
    assert wait.evaluate().failure == (
        f"0 of 1 members of group 9 completed lesson {LESSON}; cancelled or overdue for users [1]."
    )


def test_nobody_is_lost_where_nothing_is_said_to_fail() -> None:
    wait = group(1, fail_on=())
    stands(wait, 1, "cancelled")
    assert not wait.evaluate().is_done


@pytest.mark.parametrize("threshold", [0.01, 1.0])
def test_an_empty_group_is_not_done(threshold: float) -> None:
    result = group(threshold=threshold).evaluate()
    assert (result.is_done, result.failure) == (False, None)


def test_a_group_that_has_not_been_looked_at_is_not_done() -> None:
    wait = GroupLessonCondition(group_id=9, lesson_id=LESSON)
    assert wait.queries().keys() == {MEMBERS}
    assert not wait.evaluate().is_done


def test_members_come_and_go() -> None:
    wait = group(1, 2)
    stands(wait, 1, "completed")
    assert not wait.evaluate().is_done
    wait.update(MEMBERS, [User(id=1), User(id=2), User(id=3)])
    assert wait.queries().keys() == {MEMBERS, listing(2), listing(3)}
    wait.update(MEMBERS, [User(id=1)])
    assert wait.evaluate().result == [1]
    assert wait.evaluate().is_done


def test_who_leaves_lost_no_longer_counts_as_lost() -> None:
    wait = group(1, 2)
    stands(wait, 2, "cancelled")
    assert wait.evaluate().failure
    wait.update(MEMBERS, [User(id=1)])
    assert wait.evaluate().failure is None


def test_who_is_done_is_not_asked_about_again_even_after_coming_back() -> None:
    wait = group(1, 2)
    assert wait.queries().keys() == {MEMBERS, listing(1), listing(2)}
    stands(wait, 1, "completed")
    assert wait.queries().keys() == {MEMBERS, listing(2)}
    wait.update(MEMBERS, [User(id=2)])
    wait.update(MEMBERS, [User(id=1), User(id=2)])
    assert wait.queries().keys() == {MEMBERS, listing(2)}


def test_a_member_whose_schedules_are_not_known_is_not_done() -> None:
    wait = group(1)
    wait.update(listing(1), NOT_FOUND)
    assert not wait.evaluate().is_done


def test_a_group_that_is_not_known_fails_it() -> None:
    wait = group(1)
    wait.update(MEMBERS, NOT_FOUND)
    assert wait.evaluate().failure == "Group 9 does not exist."


@pytest.mark.parametrize(
    "ids", [{"group_id": ""}, {"group_id": None}, {"lesson_id": ""}, {"lesson_id": None}]
)
def test_what_is_no_group_or_lesson_is_refused(ids: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        group(**ids)
