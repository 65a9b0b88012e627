"""One poll of a worker: each query once, and a listing only up to the last needed row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.conditions.base import poll
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.errors import DamstraError, DamstraNotFoundError, DamstraServerError
from tests.conditions.factories import (
    NOT_FOUND,
    OTHER,
    TOMORROW,
    USER,
    row,
    schedule,
    schedule_query,
    user_query,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.conditions.base import Query


@dataclass
class FakeClient:
    """A client with canned responses that counts its queries."""

    responses: dict[Query, Any]
    sent: Counter[Query] = field(default_factory=Counter)
    rows_read: int = 0
    lock: Lock = field(default_factory=Lock)

    def call(self, endpoint: Any) -> Any:
        """Return the response to one call."""
        with self.lock:
            self.sent[endpoint] += 1
        response = self.responses[endpoint]
        if isinstance(response, DamstraError):
            raise response
        return response

    def iterate(self, endpoint: Any) -> Iterator[Any]:
        """Yield the rows of a listing."""
        for one in self.call(endpoint):
            self.rows_read += 1
            yield one


def test_404_of_proxy_is_raised_instead_of_counting_as_missing() -> None:
    proxy_error = DamstraNotFoundError("no such page", is_from_proxy=True)
    with pytest.raises(DamstraNotFoundError):
        poll(FakeClient({schedule_query(1): proxy_error}), LessonScheduleCondition(lesson_schedule_ids=[1]))


def test_sends_follow_up_queries_once_each() -> None:
    client = FakeClient(
        {
            schedule_query(1): schedule(1, USER),
            schedule_query(2): schedule(2, OTHER),
            schedule_query(3): schedule(3, USER),
            user_query(USER): [row(1), row(3, "completed")],
            user_query(OTHER): [row(2, "completed")],
        }
    )
    condition = LessonScheduleCondition(lesson_schedule_ids=[1, 2, 3])
    assert poll(client, condition).result == [2, 3]
    assert client.sent == dict.fromkeys(client.responses, 1)


def test_next_poll_sends_only_queries_of_open_schedules() -> None:
    client = FakeClient({user_query(USER): [row(1, "completed")], user_query(OTHER): [row(2)]})
    condition = LessonScheduleCondition(lesson_schedule_ids=[1, 2], users_by_schedule={"1": USER, "2": OTHER})
    poll(client, condition)
    poll(client, condition)
    assert client.sent == {user_query(USER): 1, user_query(OTHER): 2}


def test_listing_is_read_up_to_last_needed_row() -> None:
    client = FakeClient({user_query(): [row(number) for number in range(1, 100)]})
    poll(
        client, LessonScheduleCondition(lesson_schedule_ids=[3, 5], users_by_schedule={"3": USER, "5": USER})
    )
    assert client.rows_read == 5


def test_unlisted_schedule_is_queried_in_same_poll() -> None:
    client = FakeClient({user_query(): [row(1), row(2)], schedule_query(9): NOT_FOUND})
    result = poll(client, LessonScheduleCondition(lesson_schedule_ids=[9], users_by_schedule={"9": USER}))
    assert client.rows_read == 2
    assert result.failure


def test_query_is_not_repeated_before_first_start() -> None:
    client = FakeClient({user_query(): [row(1, start_date=TOMORROW)]})
    condition = LessonScheduleCondition(lesson_schedule_ids=[1], users_by_schedule={"1": USER})
    for _ in range(3):
        assert not poll(client, condition).is_done
    assert client.sent == {user_query(): 1}


def test_error_is_raised_but_other_responses_are_kept() -> None:
    problem = DamstraServerError("Out of order")
    client = FakeClient({user_query(USER): [row(1, "completed")], user_query(OTHER): problem})
    condition = LessonScheduleCondition(lesson_schedule_ids=[1, 2], users_by_schedule={"1": USER, "2": OTHER})
    with pytest.raises(DamstraServerError) as caught:
        poll(client, condition)
    assert caught.value is problem
    assert condition.evaluate().result == [1]
