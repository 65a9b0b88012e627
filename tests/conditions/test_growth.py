"""What a response costs does not depend on the number of people of a condition."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.conditions.progress import MAX_OPEN_ITEMS, describe_open_items
from airflow_provider_damstra.conditions.training_gate import TrainingGateCondition
from airflow_provider_damstra.conditions.user import GroupLessonCondition
from airflow_provider_damstra.endpoints import DownloadCertificate, ListGroupMembers
from airflow_provider_damstra.models import User
from airflow_provider_damstra.requirements.gate import Candidate
from airflow_provider_damstra.requirements.serialization import dump_candidates
from airflow_provider_damstra.requirements.status import Requirement
from tests.conditions.factories import NOT_FOUND, row, user_query

if TYPE_CHECKING:
    from airflow_provider_damstra.conditions.base import Condition

LESSON = 201
FIRST = 1


def schedules(count: int) -> Condition:
    users = {str(one): one for one in range(1, count + 1)}
    return LessonScheduleCondition(lesson_schedule_ids=list(users), users_by_schedule=users)


def group(count: int) -> Condition:
    condition = GroupLessonCondition(group_id=1, lesson_id=LESSON, require_passed=True)
    members = [User(id=one, first_name="Ada", client_status_id=56) for one in range(1, count + 1)]
    condition.update(ListGroupMembers(group_id=1), members)
    return condition


def gate(count: int) -> Condition:
    requirement = Requirement(
        rule="", position="", lesson_id=LESSON, lesson_name="H", lesson_version_id=2, require_passed=True
    )
    people = (
        Candidate(user_id=one, name="", time_zone=ZoneInfo("UTC"), requirements=(requirement,))
        for one in range(1, count + 1)
    )
    texts = dump_candidates(people)
    return TrainingGateCondition(people=texts[0], requirements=texts[1])


KINDS = (schedules, group, gate)


def count_calls(function: Callable[[], object]) -> int:
    """Return the number of functions that a function calls, in Python and in C, with those that they call."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def update_all(condition: Condition, count: int, state: str) -> None:
    for one in range(1, count + 1):
        condition.update(user_query(one), [row(one, state, lesson_id=LESSON)])


@pytest.mark.parametrize("kind", KINDS)
def test_schedules_of_one_person(kind: Callable[[int], Condition]) -> None:
    def calls(count: int) -> int:
        condition = kind(count)
        update_all(condition, count, "open")
        changed = [row(FIRST, "completed", lesson_id=LESSON)]
        return count_calls(lambda: condition.update(user_query(FIRST), changed))

    assert calls(1000) <= calls(100) + 5


@pytest.mark.parametrize("kind", KINDS[1:])
def test_certificate_of_one_person(kind: Callable[[int], Condition]) -> None:
    def calls(count: int) -> int:
        condition = kind(count)
        update_all(condition, count, "completed")
        query = DownloadCertificate(lesson_schedule_id=FIRST)
        assert query in condition.queries()
        return count_calls(lambda: condition.update(query, NOT_FOUND))

    assert calls(1000) <= calls(100) + 5


def test_missing_schedules_of_one_person() -> None:
    def calls(count: int) -> int:
        condition = schedules(count)
        for one in range(2, count + 1):
            condition.update(user_query(one), [])
        return count_calls(lambda: condition.update(user_query(FIRST), []))

    assert calls(1000) <= calls(100) + 5


@pytest.mark.parametrize("kind", KINDS)
def test_text_of_log_line_is_made_of_first_people_only(
    kind: Callable[[int], Condition], monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[Any] = []
    condition = kind(100)
    update_all(condition, 100, "open")
    name = "_describe_untrained" if kind is gate else "_describe_open"
    describe = getattr(condition, name)

    def record(self: Condition, *args: Any) -> str:
        described.append(args)
        return str(describe(*args))

    monkeypatch.setattr(type(condition), name, record)
    assert describe_open_items(condition).endswith("and 80 more.")
    assert len(described) == MAX_OPEN_ITEMS
