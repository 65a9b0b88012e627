"""When waiting for lesson schedules is over, and what is asked meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from tests.conditions.answers import (
    NOT_FOUND,
    OTHER,
    TOMORROW,
    USER,
    alone,
    found,
    listing,
    query_filter,
    row,
    wanted,
)


def waiting(ids: Any, **options: Any) -> LessonScheduleCondition:
    """Return a wait for schedules of which it is known that they are the user's."""
    wait = LessonScheduleCondition(lesson_schedule_ids=ids, **options)
    wait.owners = dict.fromkeys(wait.lesson_schedule_ids, USER)
    return wait


def knowing(*states: str, **options: Any) -> LessonScheduleCondition:
    """Return a wait that knows how its schedules 1, 2, ... stand."""
    wait = waiting([1 + place for place in range(len(states))], **options)
    wait.update(listing(), [row(1 + place, state) for place, state in enumerate(states)])
    return wait


# The states, what is enough, what counts as lost, and whether it is over and cannot come true any more.
TABLE: list[tuple[tuple[str, ...], str | float, tuple[str, ...], bool, bool]] = [
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


@pytest.mark.parametrize(("states", "wait_for", "fail_on", "is_done", "has_failed"), TABLE)
def test_when_it_is_over(
    states: tuple[str, ...], wait_for: str | float, fail_on: tuple[str, ...], is_done: bool, has_failed: bool
) -> None:
    result = knowing(*states, wait_for=wait_for, fail_on=fail_on).evaluate()
    assert (result.is_done, result.failure is not None) == (is_done, has_failed)
    assert result.result == [1 + place for place, state in enumerate(states) if state == "completed"]


@pytest.mark.parametrize(
    ("share", "count", "needed"),
    [(0.07, 100, 7), (0.55, 100, 55), (0.28, 25, 7), (0.1, 3, 1), (0.5, 3, 2), (1 / 3, 3, 1), (1e-9, 9, 1)],
)
def test_a_share_is_counted_as_people_count(share: float, count: int, needed: int) -> None:
    states = ["completed"] * needed + ["open"] * (count - needed)
    assert knowing(*states, wait_for=share).evaluate().is_done
    states[needed - 1] = "open"
    assert not knowing(*states, wait_for=share).evaluate().is_done


def test_nothing_known_is_nothing_over() -> None:
    result = waiting([1, 2]).evaluate()
    assert (result.is_done, result.failure, result.result) == (False, None, [])
    assert result.progress == "0 of 2 lesson schedules completed (2 open)"


def test_progress_counts_each_state() -> None:
    progress = knowing("open", "overdue", "completed", "open", fail_on=()).evaluate().progress
    assert progress == "1 of 4 lesson schedules completed (2 open, 1 overdue)"
    assert knowing("completed").evaluate().progress == "1 of 1 lesson schedules completed"


def test_a_failure_names_what_is_lost_but_not_a_thousand() -> None:
    wait = waiting([1])
    lost = row(1, "cancelled", lesson_name="Heights", first_name="Liam", last_name="Murphy")
    wait.update(listing(), [lost])
    assert wait.evaluate().failure == (
        "It can no longer come true: lesson schedule 1 (Heights for Liam Murphy) is cancelled."
        " 0 of 1 lesson schedules completed (1 cancelled)."
    )
    many = knowing(*["cancelled"] * 1000).evaluate().failure or ""
    assert "lesson schedule 5 is cancelled; and 995 more. 0 of 1000" in many


def test_what_is_completed_stays_so() -> None:
    wait = knowing("completed", "open")
    wait.update(listing(), [row(1, "cancelled"), row(2, "completed")])
    assert wait.evaluate().result == [1, 2]


def test_what_is_completed_is_not_asked_about_again() -> None:
    wait = waiting([1, 2, 3])
    assert wanted(wait) == {USER: [1, 2, 3]}
    wait.update(listing(), [row(1), row(2, "completed"), row(3)])
    assert wanted(wait) == {USER: [1, 3]}
    wait.update(listing(), [row(1, "completed"), row(3, "completed")])
    assert wait.queries() == {}


def test_what_is_cancelled_can_come_back_unless_it_fails_the_wait() -> None:
    wait = knowing("cancelled", fail_on=())
    assert wanted(wait) == {USER: [1]}
    wait.update(listing(), [row(1, "completed")])
    assert wait.evaluate().is_done


def test_users_are_found_out_once_and_then_listed() -> None:
    wait = LessonScheduleCondition(lesson_schedule_ids=[1, 2, 3])
    assert wait.queries().keys() == {alone(1), alone(2), alone(3)}
    wait.update(alone(1), found(1, USER))
    wait.update(alone(2), found(2, OTHER))
    assert wait.queries().keys() == {listing(USER), listing(OTHER), alone(3)}
    wait.update(alone(3), found(3, USER))
    assert wait.owners == {1: USER, 2: OTHER, 3: USER}
    assert wanted(wait) == {USER: [1, 3], OTHER: [2]}


def test_what_is_completed_when_its_user_is_found_out_needs_no_listing() -> None:
    wait = LessonScheduleCondition(lesson_schedule_ids=[1])
    wait.update(alone(1), found(1, is_completed=True))
    assert wait.queries() == {}
    assert wait.evaluate().result == [1]


def test_users_that_are_known_need_not_be_found_out() -> None:
    wait = LessonScheduleCondition(lesson_schedule_ids=[1, 2], owners={"1": USER, "2": USER})
    assert wait.queries().keys() == {listing()}


def test_a_schedule_that_is_gone_is_lost_and_not_asked_about_again() -> None:
    wait = LessonScheduleCondition(lesson_schedule_ids=[1, 2], wait_for="any", fail_on=())
    wait.update(alone(1), NOT_FOUND)
    assert wait.queries().keys() == {alone(2)}
    assert not wait.evaluate().is_done
    wait.update(alone(2), NOT_FOUND)
    assert wait.queries() == {}
    assert (wait.evaluate().failure or "").startswith(
        "It can no longer come true: lesson schedule 1 is gone; lesson schedule 2 is gone."
    )


@pytest.mark.parametrize("rows", [[], [row(5, "completed")], NOT_FOUND], ids=["none", "others", "no user"])
def test_a_schedule_that_is_not_listed_is_asked_for_alone(rows: Any) -> None:
    wait = waiting([1])
    wait.update(listing(), rows)
    assert not wait.evaluate().is_done
    assert wait.queries().keys() == {alone(1), listing()}
    wait.update(alone(1), NOT_FOUND)
    assert wait.evaluate().failure


def test_a_schedule_that_was_not_listed_once_may_be_found_again() -> None:
    wait = waiting([1])
    wait.update(listing(), [])
    wait.update(alone(1), found(1))
    assert not wait.evaluate().is_done
    wait.update(listing(), [row(1)])
    assert wait.queries().keys() == {listing()}
    wait.update(listing(), [row(1, "completed")])
    assert wait.evaluate().is_done


def test_a_schedule_may_turn_out_to_be_another_users() -> None:
    wait = waiting([1])
    wait.update(listing(), [])
    wait.update(alone(1), found(1, OTHER))
    assert listing(OTHER) in wait.queries()
    wait.update(listing(OTHER), [row(1, "completed")])
    assert wait.evaluate().is_done


def test_what_starts_later_is_not_asked_about_before() -> None:
    wait = waiting([1, 2])
    later = TOMORROW + timedelta(days=1)
    assert query_filter(wait, listing()).not_before is None
    wait.update(listing(), [row(1, start_date=later), row(2, start_date=TOMORROW)])
    assert query_filter(wait, listing()).not_before == TOMORROW
    wait.update(listing(), [row(1, start_date=later), row(2, "completed", start_date=TOMORROW)])
    assert query_filter(wait, listing()).not_before == later


@pytest.mark.parametrize("start", [None, TOMORROW - timedelta(days=2)], ids=["unknown", "past"])
def test_what_may_have_started_is_asked_about(start: Any) -> None:
    wait = waiting([1, 2])
    wait.update(listing(), [row(1, start_date=TOMORROW), row(2, start_date=start)])
    assert query_filter(wait, listing()).not_before is None


def test_each_user_has_a_start_of_its_own() -> None:
    wait = LessonScheduleCondition(lesson_schedule_ids=[1, 2], owners={"1": USER, "2": OTHER})
    wait.update(listing(USER), [row(1, start_date=TOMORROW)])
    assert query_filter(wait, listing(USER)).not_before == TOMORROW
    assert query_filter(wait, listing(OTHER)).not_before is None
