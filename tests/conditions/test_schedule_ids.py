"""The forms in which schedules are named: by hand, by a template, by the task that scheduled them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from tests.conditions.answers import OTHER, USER, alone, listing

SCHEDULED = {"user_id": USER, "lesson_schedule_ids": [1, 2]}
SCHEDULED_TOO = {"user_id": OTHER, "lesson_schedule_ids": [3]}


class Lazy(Sequence[Any]):
    """The outputs of a mapped task: a sequence, but no list."""

    def __repr__(self) -> str:
        return "Lazy"

    def __init__(self, *items: Any) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, place: Any) -> Any:
        return self._items[place]


@pytest.mark.parametrize(
    "ids",
    [[1, 2], (1, 2), ["1", "2"], "1,2", " 1, 2 ", "[1, 2]", {1: None, 2: None}.keys(), Lazy(1, 2)],
    ids=repr,
)
def test_ids(ids: Any) -> None:
    wait = LessonScheduleCondition(lesson_schedule_ids=ids)
    assert sorted(wait.lesson_schedule_ids) == [1, 2]
    assert wait.queries().keys() == {alone(1), alone(2)}


@pytest.mark.parametrize("one", [1, "1", "[1]", [1]], ids=repr)
def test_one_id(one: Any) -> None:
    assert list(LessonScheduleCondition(lesson_schedule_ids=one).lesson_schedule_ids) == [1]


@pytest.mark.parametrize(
    "scheduled",
    [
        SCHEDULED,
        str(SCHEDULED),
        [SCHEDULED],
        str([SCHEDULED]),
        Lazy(SCHEDULED),
        {**SCHEDULED, "created": True},
        {"user_id": str(USER), "lesson_schedule_ids": ["1", "2"]},
    ],
    ids=repr,
)
def test_what_scheduling_one_user_returned(scheduled: Any) -> None:
    wait = LessonScheduleCondition(lesson_schedule_ids=scheduled)
    assert list(wait.lesson_schedule_ids) == [1, 2]
    assert wait.owners == {1: USER, 2: USER}
    assert wait.queries().keys() == {listing()}


@pytest.mark.parametrize(
    "scheduled",
    [
        [SCHEDULED, SCHEDULED_TOO],
        str([SCHEDULED, SCHEDULED_TOO]),
        Lazy(SCHEDULED, SCHEDULED_TOO),
        # A mapped task that schedules several users each time.
        [[SCHEDULED], [SCHEDULED_TOO]],
        str([[SCHEDULED], [SCHEDULED_TOO]]),
    ],
    ids=repr,
)
def test_what_scheduling_several_users_returned(scheduled: Any) -> None:
    wait = LessonScheduleCondition(lesson_schedule_ids=scheduled)
    assert list(wait.lesson_schedule_ids) == [1, 2, 3]
    assert wait.owners == {1: USER, 2: USER, 3: OTHER}


def test_a_user_without_schedules_does_not_matter_beside_others() -> None:
    nothing = {"user_id": OTHER, "lesson_schedule_ids": []}
    assert list(LessonScheduleCondition(lesson_schedule_ids=[SCHEDULED, nothing]).lesson_schedule_ids) == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    "ids",
    [
        *(None, "", " ", "None", [], {}, "[]", "{}", 0, -1, 1.5, [None], "one", [1, 1], "1,1"),
        *("{", "{7", "{{ ids }}", {"user_id": USER}, {"lesson_schedule_ids": [1]}, [SCHEDULED, 1]),
        {"user_id": "Liam", "lesson_schedule_ids": [1]},
        {"user_id": None, "lesson_schedule_ids": [1]},
        {"user_id": USER, "lesson_schedule_ids": []},
        [SCHEDULED, SCHEDULED],
    ],
    ids=repr,
)
def test_what_names_no_schedules_is_refused(ids: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        LessonScheduleCondition(lesson_schedule_ids=ids)
