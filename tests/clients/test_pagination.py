"""OffsetPaginator: every row once and in order, for any total and page length that the server reports."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.clients.pagination import OffsetPaginator
from airflow_provider_damstra.endpoints import ListUsers
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.models import Page, User
from tests.clients.fake_listing import FakeListing, read_ids

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SIZE = 5
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
def test_every_row_is_read_once_for_any_reported_total(total: str, concurrency: int) -> None:
    for size, cap, rows in product(range(1, MAX_SIZE + 1), range(1, MAX_SIZE + 1), range(2 * MAX_SIZE + 2)):
        listing = FakeListing(rows=rows, caps=[cap], total=TOTALS[total])
        assert list(read_ids(listing, page_size=size, concurrency=concurrency)) == list(range(rows))


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_every_row_is_read_once_when_the_page_cap_changes(total: str, concurrency: int) -> None:
    for caps, size, rows in product(product((1, 2, 3, 7), repeat=3), (1, 3, 4, 7), (1, 6, 12, 13)):
        listing = FakeListing(rows=rows, caps=caps, total=TOTALS[total])
        assert list(read_ids(listing, page_size=size, concurrency=concurrency)) == list(range(rows))


@pytest.mark.parametrize("total", range(10))
def test_too_small_total_ends_listing_only_where_it_matches_the_rows(total: int) -> None:
    listing = FakeListing(rows=10, total=lambda _: total)
    found = list(read_ids(listing, page_size=4, concurrency=3))
    assert found == list(range(total if total in (4, 8) else 10))


def test_total_that_shrinks_ends_listing_with_its_last_row() -> None:
    listing = FakeListing(rows=10, total=lambda _: 10 if len(listing.requested) == 1 else 9)
    assert list(read_ids(listing, page_size=4)) == list(range(10))


@pytest.mark.parametrize(
    ("total", "expected_requests"),
    [
        ("true", [(0, 5), (5, 5)]),
        ("absent", [(0, 5), (5, 5), (10, 5)]),
        ("too great", [(0, 5), (5, 5), (10, 5)]),
    ],
)
def test_correct_total_saves_the_request_for_the_empty_page(
    total: str, expected_requests: list[tuple[int, int]]
) -> None:
    listing = FakeListing(rows=10, total=TOTALS[total])
    assert list(read_ids(listing, page_size=5)) == list(range(10))
    assert listing.requested == expected_requests


def test_empty_listing_takes_one_request() -> None:
    for total in TOTALS.values():
        listing = FakeListing(rows=0, total=total)
        assert list(read_ids(listing, page_size=5, concurrency=4)) == []
        assert len(listing.requested) == 1


def test_pages_are_planned_by_the_cap_of_the_server() -> None:
    listing = FakeListing(rows=10, caps=[4])
    assert list(read_ids(listing, page_size=100, concurrency=8)) == list(range(10))
    assert [start for start, _ in listing.requested] == [0, 4, 8]


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("total", ["true", "absent", "too great"])
def test_server_that_ignores_start_index_raises(total: str, concurrency: int) -> None:
    listing = FakeListing(rows=10, caps=[4], total=TOTALS[total], ignores_start=True)
    ids = read_ids(listing, page_size=4, concurrency=concurrency)
    assert list(islice(ids, 4)) == [0, 1, 2, 3]
    with pytest.raises(DamstraResponseError, match=r"ListUsers \(GET /user\) .*ignores startIndex") as caught:
        next(ids)
    assert caught.value.request == ListUsers().request()
    assert "row 4" in str(caught.value)
    assert len(listing.requested) <= 1 + concurrency


def test_server_that_ignores_start_and_size_raises_after_its_rows() -> None:
    listing = FakeListing(rows=3, total=lambda _: None, ignores_start=True)
    ids = read_ids(listing, page_size=100)
    assert list(islice(ids, 3)) == [0, 1, 2]
    with pytest.raises(DamstraResponseError):
        next(ids)


def test_page_with_more_rows_than_requested_is_accepted() -> None:
    paginator = OffsetPaginator(ListUsers(), page_size=2)
    assert len(paginator.next_requests(8)) == 1
    everything = Page[User].model_validate(
        {"results": [{"id": one} for one in range(5)], "meta": {"totalResultCount": 5}}
    )
    rows, _ = paginator.accept(everything)
    assert [user.id for user in rows] == list(range(5))
    assert paginator.is_finished


def test_pages_are_requested_as_rows_are_taken() -> None:
    listing = FakeListing(rows=1_000)
    ids = read_ids(listing, page_size=10, concurrency=4)
    assert listing.requested == []
    next(ids)
    assert listing.requested == [(0, 10)]
    list(islice(ids, 9))
    assert len(listing.requested) == 1
    next(ids)
    assert listing.requested[1:] == [(10, 10), (20, 10), (30, 10), (40, 10)]


def test_no_page_beyond_the_total_is_requested() -> None:
    listing = FakeListing(rows=25)
    assert len(list(read_ids(listing, page_size=10, concurrency=8))) == 25
    assert listing.requested == [(0, 10), (10, 10), (20, 10)]


def test_next_requests_returns_at_most_the_limit() -> None:
    paginator = OffsetPaginator(ListUsers(), page_size=1)
    first = Page[User].model_validate({"results": [{"id": 0}], "meta": {"totalResultCount": 100}})
    assert len(paginator.next_requests(5)) == 1
    assert paginator.next_requests(5) == []
    paginator.accept(first)
    assert len(paginator.next_requests(5)) == 5
    assert len(paginator.next_requests(2)) == 2
    assert paginator.next_requests(0) == []
