"""One look of a worker: every query once, and no more of a listing than is wanted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.conditions.base import poll
from airflow_provider_damstra.conditions.lesson_schedule import LessonScheduleCondition
from airflow_provider_damstra.errors import DamstraError, DamstraNotFoundError, DamstraServerError
from tests.conditions.answers import NOT_FOUND, OTHER, TOMORROW, USER, alone, found, listing, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.conditions.base import Query


@dataclass
class Answering:
    """A client that knows the answers, and notes what it is asked."""

    answers: dict[Query, Any]
    asked: Counter[Query] = field(default_factory=Counter)
    rows_read: int = 0
    lock: Lock = field(default_factory=Lock)

    def call(self, endpoint: Any) -> Any:
        """Return the answer to one call."""
        with self.lock:
            self.asked[endpoint] += 1
        answer = self.answers[endpoint]
        if isinstance(answer, DamstraError):
            raise answer
        return answer

    def iterate(self, endpoint: Any) -> Iterator[Any]:
        """Yield the rows of a listing."""
        for one in self.call(endpoint):
            self.rows_read += 1
            yield one


def test_a_page_that_a_proxy_does_not_find_says_nothing_of_a_schedule() -> None:
    lost = DamstraNotFoundError("no such page", is_from_proxy=True)
    with pytest.raises(DamstraNotFoundError):
        poll(Answering({alone(1): lost}), LessonScheduleCondition(lesson_schedule_ids=[1]))


def test_it_asks_until_nothing_is_left_to_ask_and_each_question_once() -> None:
    client = Answering(
        {
            alone(1): found(1, USER),
            alone(2): found(2, OTHER),
            alone(3): found(3, USER),
            listing(USER): [row(1), row(3, "completed")],
            listing(OTHER): [row(2, "completed")],
        }
    )
    wait = LessonScheduleCondition(lesson_schedule_ids=[1, 2, 3])
    assert poll(client, wait).result == [2, 3]
    assert client.asked == dict.fromkeys(client.answers, 1)


def test_the_next_look_asks_only_about_what_is_open() -> None:
    client = Answering({listing(USER): [row(1, "completed")], listing(OTHER): [row(2)]})
    wait = LessonScheduleCondition(lesson_schedule_ids=[1, 2], owners={"1": USER, "2": OTHER})
    poll(client, wait)
    poll(client, wait)
    assert client.asked == {listing(USER): 1, listing(OTHER): 2}


def test_a_listing_is_read_as_far_as_the_last_row_that_is_wanted() -> None:
    client = Answering({listing(): [row(number) for number in range(1, 100)]})
    poll(client, LessonScheduleCondition(lesson_schedule_ids=[3, 5], owners={"3": USER, "5": USER}))
    assert client.rows_read == 5


def test_a_row_that_is_not_listed_is_asked_for_in_the_same_look() -> None:
    client = Answering({listing(): [row(1), row(2)], alone(9): NOT_FOUND})
    result = poll(client, LessonScheduleCondition(lesson_schedule_ids=[9], owners={"9": USER}))
    assert client.rows_read == 2
    assert result.failure


def test_what_cannot_change_yet_is_not_asked_again() -> None:
    client = Answering({listing(): [row(1, start_date=TOMORROW)]})
    wait = LessonScheduleCondition(lesson_schedule_ids=[1], owners={"1": USER})
    for _ in range(3):
        assert not poll(client, wait).is_done
    assert client.asked == {listing(): 1}


def test_an_error_ends_the_look_but_what_was_learnt_stays() -> None:
    problem = DamstraServerError("Out of order")
    client = Answering({listing(USER): [row(1, "completed")], listing(OTHER): problem})
    wait = LessonScheduleCondition(lesson_schedule_ids=[1, 2], owners={"1": USER, "2": OTHER})
    with pytest.raises(DamstraServerError) as caught:
        poll(client, wait)
    assert caught.value is problem
    assert wait.evaluate().result == [1]
