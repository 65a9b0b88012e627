"""The request for an empty page is spared where the end is known, and only there."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.clients.short_pages import PROOFS, ShortPages
from airflow_provider_damstra.endpoints import ListUserLessonSchedules
from tests.clients.listing import Listing, follow
from tests.clients.servers import http_answer, raw_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.clients.conftest import OpenFace


def requests_for(
    counts: Sequence[int],
    *,
    size: int = 100,
    cap: int = 1000,
    total: Callable[[int], int | None] = lambda _: None,
) -> list[int]:
    """Follow listings with so many rows, one after the other; return how many requests each took."""
    short_pages, found = ShortPages(), []
    for rows in counts:
        server = Listing(rows=rows, caps=[cap], total=total)
        listing = follow(server, page_size=size, concurrency=2, short_pages=short_pages)
        assert list(listing) == list(range(rows))
        found.append(len(server.asked))
    return found


def test_a_short_page_is_the_end_once_longer_ones_and_enough_ends_were_seen() -> None:
    assert requests_for([9, 5, 5, 5, 5, 8, 0, 9, 10, 9]) == [2, 2, 2, 2, 1, 1, 1, 2, 2, 1]
    assert PROOFS == 3


def test_pages_of_one_length_prove_nothing() -> None:
    assert requests_for([5] * 10) == [2] * 10


def test_a_page_as_long_as_was_asked_for_is_never_the_end() -> None:
    assert requests_for([9, 9, 1, 2, 3, 4, 7], size=4) == [4, 4, 2, 2, 2, 2, 3]
    assert requests_for([9, 1, 2, 3, 3], size=4) == [4, 2, 2, 2, 1]


def test_a_total_that_is_said_is_what_counts() -> None:
    assert requests_for([9, 5, 5, 5, 5, 5], total=lambda rows: rows) == [1] * 6
    # This server says a row too many: an empty page shows it each time.
    assert requests_for([9, 5, 5, 5, 5, 5], total=lambda rows: rows + 1) == [2] * 6


@pytest.mark.parametrize("cap", [1, 2, 5])
def test_no_row_is_lost_whatever_the_server_gives_at_once(cap: int) -> None:
    lengths = [*range(2 * cap + 3), *range(2 * cap + 3, -1, -1)]
    for size, counts in product((1, 3, 7, 100), (lengths, lengths[::-1], lengths * 2)):
        requests_for(counts, size=size, cap=cap)


def test_a_short_page_that_was_not_the_end_is_never_believed_again() -> None:
    short_pages = ShortPages()

    def rows_of(rows: int, *, cap: int) -> int:
        server = Listing(rows=rows, caps=[cap], total=lambda _: None)
        return len(list(follow(server, page_size=100, short_pages=short_pages)))

    assert rows_of(9, cap=9) == 9
    assert rows_of(7, cap=4) == 7
    assert [rows_of(5, cap=9) for _ in range(2 * PROOFS)] == [5] * 2 * PROOFS
    assert rows_of(7, cap=4) == 7


def test_other_kinds_of_listings_prove_nothing() -> None:
    short_pages = ShortPages()
    short_pages.saw("users", 9)
    for _ in range(PROOFS):
        short_pages.was_followed("users", 5, by=0)
    assert short_pages.is_the_end("users", 5)
    assert not short_pages.is_the_end("groups", 5)


def test_both_faces_learn_from_one_listing_for_the_next(open_face: OpenFace) -> None:
    def page(count: int) -> bytes:
        rows = ",".join(f'{{"id": {one}}}' for one in range(1, count + 1))
        return http_answer(f'{{"results": [{rows}]}}')

    counts = [4, 0, 2, 0, 1, 0, 2, 0, 3, 2]
    with raw_server(*(page(count) for count in counts)) as server:
        face = open_face(server.url)
        found = [len(face.take(ListUserLessonSchedules(user_id=user))) for user in range(1, 7)]
    assert found == [4, 2, 1, 2, 3, 2]
    assert len(server.requests) == len(counts)
