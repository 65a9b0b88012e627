"""The condition that lesson schedules are completed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from tests.conditions.factories import (
    NOT_FOUND,
    OTHER,
    TOMORROW,
    USER,
    filter_of,
    requested_rows,
    row,
    schedule,
    schedule_query,
    user_query,
)


def condition_for(ids: Any, **options: Any) -> LessonScheduleCondition:
    """Return a condition for schedules that are known to be the user's."""
    condition = LessonScheduleCondition(lesson_schedule_ids=ids, **options)
    condition.users_by_schedule = dict.fromkeys(condition.lesson_schedule_ids, USER)
    return condition


def with_states(*states: str, **options: Any) -> LessonScheduleCondition:
    """Return a condition whose schedules 1, 2, ... have these states."""
    condition = condition_for([1 + index for index in range(len(states))], **options)
    condition.update(user_query(), [row(1 + index, state) for index, state in enumerate(states)])
    return condition


# The states, wait_for, fail_on, and whether the condition is done and has failed.
SCHEDULE_STATES: list[tuple[tuple[str, ...], str | float, tuple[str, ...], bool, bool]] = [
    (("open",), "all", ("cancelled",), False, False),
    (("completed",), "all", ("cancelled",), True, False),
    (("completed", "open"), "all", ("cancelled",), False, False),
    (("completed", "completed"), "all", ("cancelled",), True, False),
    (("completed", "cancelled"), "all", ("cancelled",), True, True),
    (("open", "cancelled"), "all", ("cancelled",), True, True),
    (("open", "cancelled"), "all", (), False, False),
    (("open", "overdue"), "all", ("cancelled",), False, False),
    (("open", "overdue"), "all", ("cancelled", "overdue"), True, True),
    (("open", "overdue"), "all", ("overdue",), True, True),
    (("open", "cancelled"), "all", ("overdue",), False, False),
    (("open", "open"), "any", ("cancelled",), False, False),
    (("open", "completed"), "any", ("cancelled",), True, False),
    (("cancelled", "completed"), "any", ("cancelled",), True, False),
    (("cancelled", "open"), "any", ("cancelled",), False, False),
    (("cancelled", "cancelled"), "any", ("cancelled",), True, True),
    (("completed", "open", "open", "open"), 0.5, ("cancelled",), False, False),
    (("completed", "completed", "open", "open"), 0.5, ("cancelled",), True, False),
    (("completed", "completed", "cancelled", "cancelled"), 0.5, ("cancelled",), True, False),
    (("completed", "open", "cancelled", "cancelled"), 0.5, ("cancelled",), False, False),
    (("completed", "cancelled", "cancelled", "cancelled"), 0.5, ("cancelled",), True, True),
    (("completed", "open", "open"), 0.34, ("cancelled",), False, False),
    (("completed", "open", "open"), 0.33, ("cancelled",), True, False),
    (("completed", "open"), 1, ("cancelled",), False, False),
    (("completed", "completed"), 1.0, ("cancelled",), True, False),
]


@pytest.mark.parametrize(("states", "wait_for", "fail_on", "is_done", "has_failed"), SCHEDULE_STATES)
def test_outcome_by_schedule_states(
    states: tuple[str, ...], wait_for: str | float, fail_on: tuple[str, ...], is_done: bool, has_failed: bool
) -> None:
    result = with_states(*states, wait_for=wait_for, fail_on=fail_on).evaluate()
    assert (result.is_done, result.failure is not None) == (is_done, has_failed)
    assert result.result == [1 + index for index, state in enumerate(states) if state == "completed"]


@pytest.mark.parametrize(
    ("share", "count", "needed"),
    [(0.07, 100, 7), (0.55, 100, 55), (0.28, 25, 7), (0.1, 3, 1), (0.5, 3, 2), (1 / 3, 3, 1), (1e-9, 9, 1)],
)
def test_share_is_rounded_up_exactly(share: float, count: int, needed: int) -> None:
    states = ["completed"] * needed + ["open"] * (count - needed)
    assert with_states(*states, wait_for=share).evaluate().is_done
    states[needed - 1] = "open"
    assert not with_states(*states, wait_for=share).evaluate().is_done


def test_is_not_done_before_first_poll() -> None:
    result = condition_for([1, 2]).evaluate()
    assert (result.is_done, result.failure, result.result) == (False, None, [])
    assert result.progress == "0 of 2 lesson schedules completed (2 open)"


def test_progress_counts_states() -> None:
    progress = with_states("open", "overdue", "completed", "open", fail_on=()).evaluate().progress
    assert progress == "1 of 4 lesson schedules completed (2 open, 1 overdue)"
    assert with_states("completed").evaluate().progress == "1 of 1 lesson schedules completed"


def test_failure_names_first_five_failed_schedules() -> None:
    condition = condition_for([1])
    cancelled = row(1, "cancelled", lesson_name="Heights", first_name="Liam", last_name="Murphy")
    condition.update(user_query(), [cancelled])
    assert condition.evaluate().failure == (
        "The condition can no longer be met: lesson schedule 1 (Heights for Liam Murphy) is cancelled."
        " 0 of 1 lesson schedules completed (1 cancelled)."
    )
    many = with_states(*["cancelled"] * 1000).evaluate().failure or ""
    assert "lesson schedule 5 is cancelled; and 995 more. 0 of 1000" in many


def test_completed_schedule_stays_completed() -> None:
    condition = with_states("completed", "open")
    condition.update(user_query(), [row(1, "cancelled"), row(2, "completed")])
    assert condition.evaluate().result == [1, 2]


def test_completed_schedule_is_not_queried_again() -> None:
    condition = condition_for([1, 2, 3])
    assert requested_rows(condition) == {USER: [1, 2, 3]}
    condition.update(user_query(), [row(1), row(2, "completed"), row(3)])
    assert requested_rows(condition) == {USER: [1, 3]}
    condition.update(user_query(), [row(1, "completed"), row(3, "completed")])
    assert condition.queries() == {}


def test_cancelled_schedule_is_queried_again_if_it_does_not_fail() -> None:
    condition = with_states("cancelled", fail_on=())
    assert requested_rows(condition) == {USER: [1]}
    condition.update(user_query(), [row(1, "completed")])
    assert condition.evaluate().is_done


def test_user_is_looked_up_once_and_then_listed() -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=[1, 2, 3])
    assert condition.queries().keys() == {schedule_query(1), schedule_query(2), schedule_query(3)}
    condition.update(schedule_query(1), schedule(1, USER))
    condition.update(schedule_query(2), schedule(2, OTHER))
    assert condition.queries().keys() == {user_query(USER), user_query(OTHER), schedule_query(3)}
    condition.update(schedule_query(3), schedule(3, USER))
    assert condition.users_by_schedule == {1: USER, 2: OTHER, 3: USER}
    assert requested_rows(condition) == {USER: [1, 3], OTHER: [2]}


def test_schedule_completed_at_user_lookup_is_not_listed() -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=[1])
    condition.update(schedule_query(1), schedule(1, is_completed=True))
    assert condition.queries() == {}
    assert condition.evaluate().result == [1]


def test_known_users_are_not_looked_up() -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=[1, 2], users_by_schedule={"1": USER, "2": USER})
    assert condition.queries().keys() == {user_query()}


def test_deleted_schedule_fails_and_is_not_queried_again() -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=[1, 2], wait_for="any", fail_on=())
    condition.update(schedule_query(1), NOT_FOUND)
    assert condition.queries().keys() == {schedule_query(2)}
    assert not condition.evaluate().is_done
    condition.update(schedule_query(2), NOT_FOUND)
    assert condition.queries() == {}
    assert (condition.evaluate().failure or "").startswith(
        "The condition can no longer be met: lesson schedule 1 is missing; lesson schedule 2 is missing."
    )


@pytest.mark.parametrize("rows", [[], [row(5, "completed")], NOT_FOUND], ids=["none", "others", "no user"])
def test_unlisted_schedule_is_queried_individually(rows: Any) -> None:
    condition = condition_for([1])
    condition.update(user_query(), rows)
    assert not condition.evaluate().is_done
    assert condition.queries().keys() == {schedule_query(1), user_query()}
    condition.update(schedule_query(1), NOT_FOUND)
    assert condition.evaluate().failure


def test_unlisted_schedule_can_be_listed_again() -> None:
    condition = condition_for([1])
    condition.update(user_query(), [])
    condition.update(schedule_query(1), schedule(1))
    assert not condition.evaluate().is_done
    condition.update(user_query(), [row(1)])
    assert condition.queries().keys() == {user_query()}
    condition.update(user_query(), [row(1, "completed")])
    assert condition.evaluate().is_done


def test_schedule_can_move_to_another_user() -> None:
    condition = condition_for([1])
    condition.update(user_query(), [])
    condition.update(schedule_query(1), schedule(1, OTHER))
    assert user_query(OTHER) in condition.queries()
    condition.update(user_query(OTHER), [row(1, "completed")])
    assert condition.evaluate().is_done


def test_listing_is_not_queried_before_first_start() -> None:
    condition = condition_for([1, 2])
    later = TOMORROW + timedelta(days=1)
    assert filter_of(condition, user_query()).not_before is None
    condition.update(user_query(), [row(1, start_date=later), row(2, start_date=TOMORROW)])
    assert filter_of(condition, user_query()).not_before == TOMORROW
    condition.update(user_query(), [row(1, start_date=later), row(2, "completed", start_date=TOMORROW)])
    assert filter_of(condition, user_query()).not_before == later


@pytest.mark.parametrize("start", [None, TOMORROW - timedelta(days=2)], ids=["unknown", "past"])
def test_listing_is_queried_if_a_start_is_unknown_or_past(start: Any) -> None:
    condition = condition_for([1, 2])
    condition.update(user_query(), [row(1, start_date=TOMORROW), row(2, start_date=start)])
    assert filter_of(condition, user_query()).not_before is None


def test_first_start_is_per_user() -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=[1, 2], users_by_schedule={"1": USER, "2": OTHER})
    condition.update(user_query(USER), [row(1, start_date=TOMORROW)])
    assert filter_of(condition, user_query(USER)).not_before == TOMORROW
    assert filter_of(condition, user_query(OTHER)).not_before is None
