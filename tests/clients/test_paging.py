"""Following a listing: every row once and in order, whatever the server says about itself."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.clients.paging import Paging
from airflow_provider_damstra.endpoints import ListUsers
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.models import Page, User
from tests.clients.listing import Listing, follow

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 5
TOTALS: dict[str, Callable[[int], int | None]] = {
    "true": lambda rows: rows,
    "absent": lambda _: None,
    "too great": lambda rows: rows + 1_000,
    "one too many": lambda rows: rows + 1,
    "nothing": lambda _: 0,
    "negative": lambda _: -1,
}


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_row_is_lost_or_repeated(total: str, concurrency: int) -> None:
    for size, cap, rows in product(range(1, MOST + 1), range(1, MOST + 1), range(2 * MOST + 2)):
        server = Listing(rows=rows, caps=[cap], total=TOTALS[total])
        assert list(follow(server, page_size=size, concurrency=concurrency)) == list(range(rows))


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_cap_that_changes_midway_loses_and_repeats_nothing(total: str, concurrency: int) -> None:
    for caps, size, rows in product(product((1, 2, 3, 7), repeat=3), (1, 3, 4, 7), (1, 6, 12, 13)):
        server = Listing(rows=rows, caps=caps, total=TOTALS[total])
        assert list(follow(server, page_size=size, concurrency=concurrency)) == list(range(rows))


@pytest.mark.parametrize("said", range(10))
def test_a_total_that_is_too_small_ends_nothing_unless_it_fits_what_came(said: int) -> None:
    server = Listing(rows=10, total=lambda _: said)
    found = list(follow(server, page_size=4, concurrency=3))
    assert found == list(range(said if said in (4, 8) else 10))


def test_a_total_that_shrinks_on_the_way_ends_the_listing_where_the_rows_end() -> None:
    server = Listing(rows=10, total=lambda _: 10 if len(server.asked) == 1 else 9)
    assert list(follow(server, page_size=4)) == list(range(10))


@pytest.mark.parametrize(
    ("total", "asked"),
    [
        ("true", [(0, 5), (5, 5)]),
        ("absent", [(0, 5), (5, 5), (10, 5)]),
        ("too great", [(0, 5), (5, 5), (10, 5)]),
    ],
)
def test_an_empty_page_ends_a_listing_and_a_true_total_spares_it(
    total: str, asked: list[tuple[int, int]]
) -> None:
    server = Listing(rows=10, total=TOTALS[total])
    assert list(follow(server, page_size=5)) == list(range(10))
    assert server.asked == asked


def test_an_empty_listing_takes_one_request() -> None:
    for total in TOTALS.values():
        server = Listing(rows=0, total=total)
        assert list(follow(server, page_size=5, concurrency=4)) == []
        assert len(server.asked) == 1


def test_a_capped_server_is_asked_ahead_by_what_it_gives() -> None:
    server = Listing(rows=10, caps=[4])
    assert list(follow(server, page_size=100, concurrency=8)) == list(range(10))
    assert [start for start, _ in server.asked] == [0, 4, 8]


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("total", ["true", "absent", "too great"])
def test_a_server_that_ignores_where_to_start_is_not_followed(total: str, concurrency: int) -> None:
    server = Listing(rows=10, caps=[4], total=TOTALS[total], ignores_start=True)
    listing = follow(server, page_size=4, concurrency=concurrency)
    assert list(islice(listing, 4)) == [0, 1, 2, 3]
    with pytest.raises(DamstraResponseError, match=r"ListUsers \(GET /user\) .*ignores startIndex") as caught:
        next(listing)
    assert caught.value.request == ListUsers().request()
    assert "row 4" in str(caught.value)
    assert len(server.asked) <= 1 + concurrency


def test_a_server_that_ignores_both_gives_its_rows_before_it_is_found_out() -> None:
    server = Listing(rows=3, total=lambda _: None, ignores_start=True)
    listing = follow(server, page_size=100)
    assert list(islice(listing, 3)) == [0, 1, 2]
    with pytest.raises(DamstraResponseError):
        next(listing)


def test_all_rows_at_once_are_taken_at_once() -> None:
    paging = Paging(ListUsers(), page_size=2)
    assert len(paging.plan(8)) == 1
    everything = Page[User].model_validate(
        {"results": [{"id": one} for one in range(5)], "meta": {"totalResultCount": 5}}
    )
    rows, _ = paging.accept(everything)
    assert [user.id for user in rows] == list(range(5))
    assert paging.is_over


def test_pages_are_asked_for_as_rows_are_taken() -> None:
    server = Listing(rows=1_000)
    listing = follow(server, page_size=10, concurrency=4)
    assert server.asked == []
    next(listing)
    assert server.asked == [(0, 10)]
    list(islice(listing, 9))
    assert len(server.asked) == 1
    next(listing)
    assert server.asked[1:] == [(10, 10), (20, 10), (30, 10), (40, 10)]


def test_nothing_is_asked_for_beyond_the_total() -> None:
    server = Listing(rows=25)
    assert len(list(follow(server, page_size=10, concurrency=8))) == 25
    assert server.asked == [(0, 10), (10, 10), (20, 10)]


def test_no_more_pages_are_planned_than_there_are_places() -> None:
    paging = Paging(ListUsers(), page_size=1)
    first = Page[User].model_validate({"results": [{"id": 0}], "meta": {"totalResultCount": 100}})
    assert len(paging.plan(5)) == 1
    assert paging.plan(5) == []
    paging.accept(first)
    assert len(paging.plan(5)) == 5
    assert len(paging.plan(2)) == 2
    assert paging.plan(0) == []
