"""The forms of lesson_schedule_ids: literal, rendered from a template, returned by a scheduling task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from tests.conditions.factories import OTHER, USER, schedule_query, user_query

SCHEDULED = {"user_id": USER, "lesson_schedule_ids": [1, 2]}
OTHER_SCHEDULED = {"user_id": OTHER, "lesson_schedule_ids": [3]}


class LazySequence(Sequence[Any]):
    """Like the outputs of a mapped task: a sequence, but no list."""

    def __repr__(self) -> str:
        return "LazySequence"

    def __init__(self, *items: Any) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]


@pytest.mark.parametrize(
    "ids",
    [
        [1, 2],
        (1, 2),
        ["1", "2"],
        "1,2",
        " 1, 2 ",
        "[1, 2]",
        "['1', '2']",
        "(1, 2)",
        {1: None, 2: None}.keys(),
        LazySequence(1, 2),
    ],
    ids=repr,
)
def test_accepts_ids(ids: Any) -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=ids)
    assert sorted(condition.lesson_schedule_ids) == [1, 2]
    assert condition.queries().keys() == {schedule_query(1), schedule_query(2)}


@pytest.mark.parametrize("one", [1, "1", "[1]", [1]], ids=repr)
def test_accepts_one_id(one: Any) -> None:
    assert list(LessonScheduleCondition(lesson_schedule_ids=one).lesson_schedule_ids) == [1]


@pytest.mark.parametrize(
    "scheduled",
    [
        SCHEDULED,
        str(SCHEDULED),
        json.dumps({**SCHEDULED, "created": True}),
        [SCHEDULED],
        str([SCHEDULED]),
        LazySequence(SCHEDULED),
        {**SCHEDULED, "created": True},
        {"user_id": str(USER), "lesson_schedule_ids": ["1", "2"]},
    ],
    ids=repr,
)
def test_accepts_result_of_scheduling_one_user(scheduled: Any) -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=scheduled)
    assert list(condition.lesson_schedule_ids) == [1, 2]
    assert condition.users_by_schedule == {1: USER, 2: USER}
    assert condition.queries().keys() == {user_query()}


@pytest.mark.parametrize(
    "scheduled",
    [
        [SCHEDULED, OTHER_SCHEDULED],
        str([SCHEDULED, OTHER_SCHEDULED]),
        LazySequence(SCHEDULED, OTHER_SCHEDULED),
        # A mapped task, each instance of which schedules several users.
        [[SCHEDULED], [OTHER_SCHEDULED]],
        str([[SCHEDULED], [OTHER_SCHEDULED]]),
    ],
    ids=repr,
)
def test_accepts_result_of_scheduling_several_users(scheduled: Any) -> None:
    condition = LessonScheduleCondition(lesson_schedule_ids=scheduled)
    assert list(condition.lesson_schedule_ids) == [1, 2, 3]
    assert condition.users_by_schedule == {1: USER, 2: USER, 3: OTHER}


def test_ignores_user_without_schedules() -> None:
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
def test_rejects_invalid_ids(ids: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        LessonScheduleCondition(lesson_schedule_ids=ids)
