"""When a user is there."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_damstra.conditions.user import UserCondition
from airflow_provider_damstra.endpoints.user import ListUsers
from airflow_provider_damstra.models.user import User
from tests.conditions.answers import NOT_FOUND

NUMBER, ADDRESS = "E9001", "ada@example.com"


@pytest.mark.parametrize("wanted", [{"emp_id": NUMBER}, {"email_address": ADDRESS}])
def test_it_searches_for_one_thing(wanted: dict[str, str]) -> None:
    wait = UserCondition(**wanted)
    assert wait.queries().keys() == {ListUsers(**wanted)}
    assert not wait.evaluate().is_done


@pytest.mark.parametrize(
    ("ids", "is_done", "failure"),
    [([], False, None), ([7], True, None), ([7, 8], True, f"2 users are {NUMBER!r}: [7, 8].")],
)
def test_one_user_is_what_it_waits_for(ids: list[int], is_done: bool, failure: str | None) -> None:
    wait = UserCondition(emp_id=NUMBER)
    wait.update(ListUsers(emp_id=NUMBER), [User(id=one) for one in ids])
    result = wait.evaluate()
    assert (result.is_done, result.failure, result.result) == (is_done, failure, ids)


def test_progress_is_told_of_the_person() -> None:
    wait = UserCondition(email_address=ADDRESS)
    assert wait.evaluate().progress == f"User {ADDRESS!r} is not there yet"
    wait.update(ListUsers(email_address=ADDRESS), [User(id=7)])
    assert wait.evaluate().progress == f"User {ADDRESS!r} is there"


def test_a_search_that_finds_nothing_at_all_goes_on() -> None:
    wait = UserCondition(emp_id=NUMBER)
    wait.update(ListUsers(emp_id=NUMBER), NOT_FOUND)
    assert not wait.evaluate().is_done


def test_who_is_there_may_be_gone_at_the_next_look() -> None:
    wait = UserCondition(emp_id=NUMBER)
    wait.update(ListUsers(emp_id=NUMBER), [User(id=7)])
    wait.update(ListUsers(emp_id=NUMBER), [])
    assert not wait.evaluate().is_done


@pytest.mark.parametrize("wanted", [{}, {"emp_id": ""}, {"emp_id": "  "}, {"email_address": ""}])
def test_nobody_is_not_searched_for(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        UserCondition(**wanted)
