"""Ids as arguments: ints, digits of rendered templates, lists, filters and references."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_damstra.endpoints import (
    AddGroupMembers,
    CompleteLesson,
    CreateUser,
    GetEmbedUrl,
    GetUser,
    ListLessons,
    ScheduleUser,
)


@pytest.mark.parametrize("user_id", [7, "7", " 7 ", "007"])
def test_id_accepts_int_and_digits(user_id: Any) -> None:
    assert GetUser(user_id=user_id).request().path == "/user/7"


@pytest.mark.parametrize(
    "user_id", [0, "0", -1, "-7", "", " ", "seven", None, 7.5, "7.5", [7], True, False, "None", "7/../8"]
)
def test_invalid_id_raises(user_id: Any) -> None:
    with pytest.raises(ValidationError, match="user_id"):
        GetUser(user_id=user_id)
    with pytest.raises(ValidationError, match="lesson_schedule_id"):
        GetEmbedUrl(lesson_schedule_id=user_id)


@pytest.mark.parametrize(
    "user_ids",
    [
        [1, 2],
        (1, 2),
        ["1", "2"],
        "1,2",
        " 1 , 2 ",
        "[1, 2]",
        "[1,2,]",
        "['1', '2']",
        '["1", "2"]',
        "(1, 2)",
        [[1], [2]],
        "[['1'], (2,)]",
        {1: None, 2: None}.keys(),
        range(1, 3),
        (number for number in (1, 2)),
    ],
)
def test_id_list_accepts_lists_texts_and_iterables(user_ids: Any) -> None:
    body = AddGroupMembers(group_id=1, user_ids=user_ids).request().body
    assert body == {"userIds": [1, 2]}


@pytest.mark.parametrize("user_ids", [7, "7", "[7]", [7], {7}])
def test_id_list_accepts_single_id(user_ids: Any) -> None:
    assert AddGroupMembers(group_id=1, user_ids=user_ids).user_ids == (7,)


@pytest.mark.parametrize(
    "user_ids",
    [
        [],
        (),
        "",
        "[]",
        " ",
        ",",
        None,
        [None],
        0,
        [0],
        [1, 0],
        [-1],
        "1,-2",
        "1;2",
        {"a": 1},
        b"12",
        True,
        "[1, 2",
        "[" * 999,
    ],
)
def test_empty_or_invalid_id_list_raises(user_ids: Any) -> None:
    with pytest.raises(ValidationError, match="user_ids"):
        AddGroupMembers(group_id=1, user_ids=user_ids)


@pytest.mark.parametrize("ids", [[1, 2, 1], "1,2,1", ["1", 2, 1]])
def test_duplicate_id_raises_naming_it(ids: Any) -> None:
    with pytest.raises(ValidationError, match="duplicate values: 1"):
        AddGroupMembers(group_id=1, user_ids=ids)
    with pytest.raises(ValidationError, match="duplicate values: 1"):
        ScheduleUser(user_id=1, lesson_version_ids=ids, grace_period=1, grace_period_unit="days")


@pytest.mark.parametrize("name", ["user_id", "lesson_id", "manually_completed_by_user_id"])
@pytest.mark.parametrize("bad", [0, -1, "x"])
def test_invalid_id_in_body_raises(name: str, bad: Any) -> None:
    arguments = {
        "user_id": 1,
        "lesson_id": 2,
        "completed_date": "2026-01-31T09:00:00Z",
        "manually_completed_by_user_id": 3,
    }
    with pytest.raises(ValidationError, match=name):
        CompleteLesson.model_validate({**arguments, name: bad})


@pytest.mark.parametrize("ids", [[1, 2, 3], "1,2,3", "1, 2,3", ("1", 2, 3), "['1', '2', '3']", "(1, 2, 3)"])
def test_id_filter_is_sent_comma_separated(ids: Any) -> None:
    assert ListLessons(lesson_ids=ids).request().query == (("lessonIds", "1,2,3"),)


@pytest.mark.parametrize("ids", [[], "", ",", [0], "1,x", [-1]])
def test_empty_or_invalid_id_filter_raises(ids: Any) -> None:
    with pytest.raises(ValidationError, match="lesson_ids"):
        ListLessons(lesson_ids=ids)


@pytest.mark.parametrize(
    "groups", [[1, 2], ["1", 2], [{"id": 1}, {"id": 2}], [{"id": 1}, 2], (1, 2), "1,2", "['1', '2']"]
)
def test_references_are_sent_as_objects(groups: Any) -> None:
    assert CreateUser(groups=groups).request().body == {"groups": [{"id": 1}, {"id": 2}]}


@pytest.mark.parametrize(
    "groups", [[0], [{"id": 0}], [{"ID": 1}], [{"id": 1, "name": "Dev"}], "", " ", "Dev", [None]]
)
def test_invalid_references_raise(groups: Any) -> None:
    with pytest.raises(ValidationError, match="groups"):
        CreateUser(groups=groups)
