"""Batches of an export: whose they are, that none waits for another, and that few are in memory."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.endpoints import InactivateUser, ListUserLessonSchedules
from airflow_provider_damstra.errors import DamstraNotFoundError, DamstraResponseError
from airflow_provider_damstra.exports.reader import Batch, Export
from airflow_provider_damstra.exports.resources import RESOURCES
from tests.clients.clock import until
from tests.clients.drivers import settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.testing import DamstraEmulator

ALISON, MAYA, LIAM = 1011, 1013, 1012


@pytest.fixture
def client(damstra_emulator: DamstraEmulator) -> Iterator[Client]:
    with Client(settings_for(damstra_emulator.url, page_size=2, max_retries=0)) as client:
        yield client


def schedules(*user_ids: int, **arguments: Any) -> Export:
    return Export(
        **{
            "resource": RESOURCES["lesson_schedules"],
            "parent_ids": user_ids,
            "max_concurrency": 4,
            **arguments,
        }
    )


def ids(batches: list[Batch], parent_id: int | None = None) -> list[int]:
    return [
        json.loads(bytes(row))["id"]
        for batch in batches
        if batch.parent_id == parent_id
        for row in batch.rows
    ]


def asked(emulator: DamstraEmulator) -> list[tuple[str, str]]:
    return sorted((entry["path"], entry["query"]["startIndex"]) for entry in emulator.journal())


def test_each_parent_has_its_rows_in_order_and_one_last_batch(client: Client) -> None:
    batches = list(schedules(ALISON, LIAM, MAYA).batches(client))
    for one in (ALISON, LIAM, MAYA):
        assert ids(batches, one) == [row.id for row in client.iterate(ListUserLessonSchedules(user_id=one))]
        ends = [batch.is_last_of_parent for batch in batches if batch.parent_id == one]
        assert ends == [False] * (len(ends) - 1) + [True]
    assert all(len(batch.rows) <= 2 for batch in batches)


def test_who_is_done_is_not_asked(client: Client, damstra_emulator: DamstraEmulator) -> None:
    whole = list(schedules(ALISON, LIAM).batches(client))
    damstra_emulator.clear_journal()
    rest = list(schedules(ALISON, LIAM).batches(client, done={LIAM}))
    assert {batch.parent_id for batch in rest} == {ALISON}
    assert ids(rest, ALISON) == ids(whole, ALISON) != []
    # Each page begins with the row with which the one before ended.
    assert asked(damstra_emulator) == [
        (f"/user/{ALISON}/lesson_schedule", start) for start in ("0", "1", "2", "3", "4")
    ]


def test_one_listing_has_no_parent(client: Client) -> None:
    batches = list(Export(resource=RESOURCES["users"], max_concurrency=4).batches(client))
    assert {batch.parent_id for batch in batches} == {None}
    assert ids(batches) == list(range(1001, 1038))


def changed_while_read(read: Iterator[Any], client: Client, *, pages: int) -> list[Any]:
    """Return what is read if somebody leaves after so many pieces were."""
    before = list(islice(read, pages))
    client.call(InactivateUser(user_id=1002))
    return [*before, *read]


@pytest.mark.parametrize("pages", [1, 5])
@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("size", [2, 10])
def test_nobody_is_missed_if_somebody_leaves_while_a_listing_is_read(
    size: int, concurrency: int, pages: int, damstra_emulator: DamstraEmulator
) -> None:
    with Client(settings_for(damstra_emulator.url, page_size=size)) as client:
        read = Export(resource=RESOURCES["users"], max_concurrency=concurrency).batches(client)
        found = ids(changed_while_read(read, client, pages=pages))
    assert [one for one in found if one != 1002] == [1001, *range(1003, 1038)]


def test_a_listing_that_changed_is_read_again_for_whoever_knows_what_comes_again(client: Client) -> None:
    export = Export(resource=RESOURCES["users"], max_concurrency=1, knows_what_comes_again=True)
    found = ids(changed_while_read(export.batches(client), client, pages=5))
    staying = [1001, *range(1003, 1038)]
    assert found == [1001, 1002, *staying[1:], *staying]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_no_parent_is_missed_if_one_leaves_while_they_are_listed(concurrency: int, client: Client) -> None:
    parents = schedules(parent_ids=None).parents(client, concurrency=concurrency)
    assert changed_while_read(parents, client, pages=7) == list(range(1001, 1038))


@pytest.mark.parametrize("row", [b"{}", b'{"id":null}', b"7"])
def test_a_parent_without_an_id_is_no_guess(row: bytes) -> None:
    class Parents:
        def pages(self, endpoint: Any, **_: Any) -> Iterator[Rows]:
            yield [row]

    with pytest.raises(DamstraResponseError, match="a row of users has no id") as caught:
        list(schedules(parent_ids=None).parents(Parents()))
    assert caught.value.__context__ is None


def test_all_who_fail_fail_the_export_unless_somebody_is_done_already(client: Client) -> None:
    gone = schedules(999_998, 999_999, skips_failed_parents=True)
    with pytest.raises(DamstraNotFoundError):
        list(gone.batches(client))
    again = schedules(LIAM, 999_999, skips_failed_parents=True)
    assert list(again.batches(client, done={LIAM})) == []
    assert list(again.failed) == [999_999]


class Listings:
    """A client whose listings are as a function says, each page a row that names it."""

    def __init__(self, page: Callable[[int, int], Rows]) -> None:
        self.page = page
        self.asked = 0
        self._lock = threading.Lock()

    def pages(self, endpoint: Any, **_: Any) -> Iterator[Rows]:
        for number in count():
            with self._lock:
                self.asked += 1
            rows = self.page(endpoint.user_id, number)
            if not rows:
                return
            yield rows


def test_nobody_waits_for_one_who_is_slow() -> None:
    others_came = threading.Event()

    def page(user_id: int, number: int) -> Rows:
        if user_id == 1:
            assert others_came.wait(10)
        return [b'{"id":%d}' % user_id] if number == 0 else []

    order = []
    for batch in schedules(*range(1, 30), max_concurrency=2).batches(Listings(page)):
        order += [batch.parent_id] if batch.is_last_of_parent else []
        if len(order) == 28:
            others_came.set()
    assert sorted(order[:-1]) == list(range(2, 30))  # type: ignore[type-var]
    assert order[-1] == 1


def test_what_is_read_ahead_does_not_grow_with_the_listings() -> None:
    listings = Listings(lambda user_id, number: [b'{"id":%d}' % (1000 * user_id + number)])
    with closing(schedules(*range(1, 1001), max_concurrency=3).batches(listings)) as batches:  # type: ignore[type-var]
        for taken, _ in enumerate(islice(batches, 100), start=1):
            assert listings.asked <= taken + 2 * 3
        # The hundredth counts as taken when the next is wanted.
        until(lambda: listings.asked == 99 + 2 * 3, "all that may be read ahead is")
