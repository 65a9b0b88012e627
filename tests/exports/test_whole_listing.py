"""Listings that change while they are read: who is there all the time is read, and once."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.endpoints import ListGroupMembers, ListUsers
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.consistent_pagination import MOST_READINGS, Place, WholeListing
from tests.exports.moving import Moving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_damstra.exports.consistent_pagination import OverlappingRows
    from airflow_provider_damstra.http import Request, Response

FEW = 10
"""Rows of a page."""


def listing(client: Moving, *, concurrency: int = 1, reads_again: bool = False) -> WholeListing:
    return WholeListing(client, ListUsers(), concurrency=concurrency, reads_again=reads_again)


def ids(pages: Iterable[OverlappingRows]) -> list[int]:
    return [json.loads(bytes(row))["id"] for rows in pages for row in rows]


def after(answers: int, change: Callable[[list[int]], object]) -> Callable[[list[int]], None]:
    """Return what changes a listing once, when so many pages have been answered."""
    remaining = iter(range(answers))

    def counted(found: list[int]) -> None:
        if next(remaining, None) == answers - 1:
            change(found)

    return counted


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 18, 19, 20, 100])
def test_a_quiet_listing_is_read_once(count: int, concurrency: int, has_total: bool) -> None:
    client = Moving(list(range(count)), size=FEW, has_total=has_total)
    assert ids(listing(client, concurrency=concurrency, reads_again=True).pages()) == list(range(count))
    assert len(client.asked) <= 1 + count // (FEW - 1) + (not has_total)


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("answers", range(1, 7))
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda found: found.pop(0), id="the first is deleted"),
        pytest.param(lambda found: found.insert(0, 1000), id="one is added at the beginning"),
        pytest.param(lambda found: (found.pop(3), found.append(1000)), id="one is deleted, another added"),
        pytest.param(lambda found: found.__delitem__(slice(2, 9)), id="many are deleted"),
        pytest.param(lambda found: found.__delitem__(slice(9, 18)), id="a page is deleted"),
        pytest.param(lambda found: found.__setitem__(slice(2, 2), range(900, 907)), id="many are added"),
        pytest.param(lambda found: found.pop(), id="the last is deleted"),
    ],
)
def test_who_stays_is_read_once(
    change: Callable[[list[int]], None], answers: int, concurrency: int, has_total: bool
) -> None:
    client = Moving(list(range(50)), size=FEW, change=after(answers, change), has_total=has_total)
    found = ids(listing(client, concurrency=concurrency).pages())
    staying = [one for one in client.ids if one < 900]
    assert [one for one in found if one in staying] == staying
    assert len(client.asked) <= 9 + concurrency


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(("has_total", "cap"), [(True, 1000), (False, 1000), (True, 7)])
def test_a_busy_tenant_loses_nobody(has_total: bool, cap: int, concurrency: int) -> None:
    for seed in range(25):
        chance = random.Random(seed)  # noqa: S311
        gone: set[int] = set()

        def change(found: list[int], chance: random.Random = chance, gone: set[int] = gone) -> None:
            for _ in range(chance.choice([0, 0, 0, 0, 1, 2])):
                if chance.random() < 0.5:
                    gone.add(found.pop(chance.randrange(len(found))))
                else:
                    found.insert(chance.randint(0, len(found)), chance.randint(1000, 10**9))

        client = Moving(list(range(150)), size=FEW, change=change, has_total=has_total, cap=cap, seed=seed)
        whole = listing(client, concurrency=concurrency)
        found = ids(whole.pages())
        staying = [one for one in range(150) if one not in gone]
        assert whole.is_certain
        assert [one for one in found if one in set(staying)] == staying, f"seed {seed}"


def test_so_many_are_deleted_that_the_place_is_lost_and_all_comes_again() -> None:
    client = Moving(list(range(50)), size=FEW, change=after(3, lambda found: found.__delitem__(slice(5, 40))))
    found = ids(listing(client).pages())
    assert found == [*range(27), *range(5), *range(40, 50)]


def renamed(found: list[int]) -> None:
    """Put the last row, which was not read yet, where all was read already."""
    found.insert(0, found.pop())


def test_a_row_that_is_put_elsewhere_is_found_in_another_reading() -> None:
    once = Moving(list(range(30)), size=FEW, change=after(1, renamed))
    assert ids(listing(once).pages()) == list(range(29))
    again = listing(Moving(list(range(30)), size=FEW, change=after(1, renamed)), reads_again=True)
    assert ids(again.pages()) == [*range(29), 29, *range(29)]
    assert again.is_certain


def test_a_listing_without_order_is_not_read_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)  # noqa: S311
    client = Moving(list(range(100)), size=FEW, change=chance.shuffle)
    unsteady = listing(client, reads_again=True)
    found = ids(unsteady.pages())
    assert not unsteady.is_certain
    assert len(client.asked) < MOST_READINGS * 100
    assert len(set(found)) > 50
    (said,) = {record.getMessage() for record in caplog.records if record.levelname == "WARNING"}
    assert said.startswith("Rows of ListUsers (GET /user) move faster than they can be read")


@pytest.mark.parametrize("has_total", [True, False])
def test_a_server_that_ignores_where_a_page_begins_is_not_followed(has_total: bool) -> None:
    class Same(Moving):
        def _answer(self, request: Request) -> Response:
            return super()._answer(replace(request, query=(("startIndex", "0"), ("maxResults", "10"))))

    with pytest.raises(DamstraResponseError, match="repeats itself"):
        list(listing(Same(list(range(30)), size=FEW, has_total=has_total), reads_again=True).pages())


def test_rows_without_a_key_are_read_as_they_come() -> None:
    class Keyless(Moving):
        def _answer(self, request: Request) -> Response:
            answer = super()._answer(request)
            return replace(answer, body=answer.body.replace(b'"id"', b'"number"'))

    client = Keyless(list(range(25)), size=FEW)
    pages = list(listing(client).pages())
    assert [len(rows) for rows in pages] == [10, 10, 5]


def resumed(client: Moving, place: Place) -> tuple[list[bool], list[int]]:
    pages = list(listing(client).pages(after=place))
    return [rows.continues for rows in pages], ids(pages)


@pytest.mark.parametrize("has_total", [True, False])
def test_it_goes_on_where_an_earlier_attempt_was(has_total: bool) -> None:
    first = list(listing(Moving(list(range(30)), size=FEW, has_total=has_total)).pages())
    for number in range(1, len(first) + 1):
        place = first[number - 1].next
        assert place is not None
        client = Moving(list(range(30)), size=FEW, has_total=has_total)
        continues, found = resumed(client, place)
        assert continues == [True, *([False] * (len(first) - number))]
        assert found == ids(first[number:])
        assert client.asked[0] == place.row


@pytest.mark.parametrize("place", [Place(9, 9), Place(27, 27), Place(30)])
def test_it_begins_anew_where_that_place_has_moved(place: Place) -> None:
    continues, found = resumed(Moving([100, *range(30)], size=FEW), place)
    assert not any(continues)
    assert found == [100, *range(30)]


def test_members_of_a_group_overlap_too() -> None:
    client = Moving(list(range(30)), size=FEW, change=after(2, lambda found: found.pop(0)))
    members = WholeListing(client, ListGroupMembers(group_id=7), concurrency=1)
    assert ids(members.pages()) == list(range(30))
