"""Listings that change while they are read: rows that exist all the time are read, and once."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.endpoints import ListGroupMembers, ListUsers
from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.exports.consistent_pagination import (
    MAX_READINGS,
    ConsistentPaginator,
    PageCursor,
)
from tests.exports.changing_listing import ChangingListing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_damstra.exports.consistent_pagination import OverlappingPage
    from airflow_provider_damstra.http import Request, Response

PAGE_SIZE = 10


def paginator(client: ChangingListing, *, concurrency: int = 1, rereads: bool = False) -> ConsistentPaginator:
    return ConsistentPaginator(client, ListUsers(), concurrency=concurrency, rereads=rereads)


def read_pages(
    listing: ConsistentPaginator, *, resume_from: PageCursor | None = None
) -> list[OverlappingPage]:
    async def collect() -> list[OverlappingPage]:
        return [page async for page in listing.pages(resume_from=resume_from)]

    return asyncio.run(collect())


def ids(pages: Iterable[OverlappingPage]) -> list[int]:
    return [json.loads(bytes(row))["id"] for page in pages for row in page.rows]


def read_ids(listing: ConsistentPaginator) -> list[int]:
    return ids(read_pages(listing))


def after(responses: int, change: Callable[[list[int]], object]) -> Callable[[list[int]], None]:
    """Return a function that changes a listing once, after so many responses."""
    remaining = iter(range(responses))

    def counted(found: list[int]) -> None:
        if next(remaining, None) == responses - 1:
            change(found)

    return counted


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 18, 19, 20, 100])
def test_unchanged_listing_is_read_once(count: int, concurrency: int, has_total: bool) -> None:
    client = ChangingListing(list(range(count)), size=PAGE_SIZE, has_total=has_total)
    assert read_ids(paginator(client, concurrency=concurrency, rereads=True)) == list(range(count))
    assert len(client.requested_rows) <= 1 + count // (PAGE_SIZE - 1) + (not has_total)


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("responses", range(1, 7))
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
def test_rows_that_stay_are_read_once(
    change: Callable[[list[int]], None], responses: int, concurrency: int, has_total: bool
) -> None:
    client = ChangingListing(
        list(range(50)), size=PAGE_SIZE, change=after(responses, change), has_total=has_total
    )
    found = read_ids(paginator(client, concurrency=concurrency))
    staying = [one for one in client.ids if one < 900]
    assert [one for one in found if one in staying] == staying
    assert len(client.requested_rows) <= 9 + concurrency


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(("has_total", "max_rows"), [(True, 1000), (False, 1000), (True, 7)])
def test_random_changes_lose_no_row(has_total: bool, max_rows: int, concurrency: int) -> None:
    for seed in range(25):
        changes = random.Random(seed)  # noqa: S311
        deleted_ids: set[int] = set()

        def change(
            found: list[int], changes: random.Random = changes, deleted_ids: set[int] = deleted_ids
        ) -> None:
            for _ in range(changes.choice([0, 0, 0, 0, 1, 2])):
                if changes.random() < 0.5:
                    deleted_ids.add(found.pop(changes.randrange(len(found))))
                else:
                    found.insert(changes.randint(0, len(found)), changes.randint(1000, 10**9))

        client = ChangingListing(
            list(range(150)), size=PAGE_SIZE, change=change, has_total=has_total, max_rows=max_rows, seed=seed
        )
        listing = paginator(client, concurrency=concurrency)
        found = read_ids(listing)
        staying = [one for one in range(150) if one not in deleted_ids]
        assert listing.is_complete
        assert [one for one in found if one in set(staying)] == staying, f"seed {seed}"


def test_listing_is_read_from_its_beginning_if_position_is_lost() -> None:
    client = ChangingListing(
        list(range(50)), size=PAGE_SIZE, change=after(3, lambda found: found.__delitem__(slice(5, 40)))
    )
    found = read_ids(paginator(client))
    assert found == [*range(27), *range(5), *range(40, 50)]


def renamed(found: list[int]) -> None:
    """Move the last row, which was not read yet, to the rows that were read already."""
    found.insert(0, found.pop())


def test_row_that_moved_is_found_by_rereading() -> None:
    once = ChangingListing(list(range(30)), size=PAGE_SIZE, change=after(1, renamed))
    assert read_ids(paginator(once)) == list(range(29))
    again = paginator(
        ChangingListing(list(range(30)), size=PAGE_SIZE, change=after(1, renamed)), rereads=True
    )
    assert read_ids(again) == [*range(29), 29, *range(29)]
    assert again.is_complete


def test_listing_without_order_ends_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    order = random.Random(7)  # noqa: S311
    client = ChangingListing(list(range(100)), size=PAGE_SIZE, change=order.shuffle)
    listing = paginator(client, rereads=True)
    found = read_ids(listing)
    assert not listing.is_complete
    assert len(client.requested_rows) < MAX_READINGS * 100
    assert len(set(found)) > 50
    (message,) = {record.getMessage() for record in caplog.records if record.levelname == "WARNING"}
    assert message.startswith("Rows of ListUsers (GET /user) move faster than they can be read")


@pytest.mark.parametrize("has_total", [True, False])
def test_server_that_ignores_start_index_fails(has_total: bool) -> None:
    class SamePage(ChangingListing):
        def _respond(self, request: Request) -> Response:
            return super()._respond(replace(request, query=(("startIndex", "0"), ("maxResults", "10"))))

    with pytest.raises(DamstraResponseError, match="repeats itself"):
        read_ids(paginator(SamePage(list(range(30)), size=PAGE_SIZE, has_total=has_total), rereads=True))


def test_rows_without_key_are_read_without_overlap() -> None:
    class Keyless(ChangingListing):
        def _respond(self, request: Request) -> Response:
            response = super()._respond(request)
            return replace(response, body=response.body.replace(b'"id"', b'"number"'))

    client = Keyless(list(range(25)), size=PAGE_SIZE)
    pages = read_pages(paginator(client))
    assert [len(page) for page in pages] == [10, 10, 5]


def resume(client: ChangingListing, cursor: PageCursor) -> tuple[list[bool], list[int]]:
    pages = read_pages(paginator(client), resume_from=cursor)
    return [page.is_resumed for page in pages], ids(pages)


@pytest.mark.parametrize("has_total", [True, False])
def test_resume_continues_at_cursor(has_total: bool) -> None:
    first = read_pages(paginator(ChangingListing(list(range(30)), size=PAGE_SIZE, has_total=has_total)))
    for number in range(1, len(first) + 1):
        cursor = first[number - 1].next_cursor
        assert cursor is not None
        client = ChangingListing(list(range(30)), size=PAGE_SIZE, has_total=has_total)
        is_resumed, found = resume(client, cursor)
        assert is_resumed == [True, *([False] * (len(first) - number - 1))]
        assert found == ids(first[number:])
        assert client.requested_rows[0] == cursor.row


@pytest.mark.parametrize("cursor", [PageCursor(9, 9), PageCursor(27, 27), PageCursor(30)])
def test_resume_reads_from_beginning_if_cursor_moved(cursor: PageCursor) -> None:
    is_resumed, found = resume(ChangingListing([100, *range(30)], size=PAGE_SIZE), cursor)
    assert not any(is_resumed)
    assert found == [100, *range(30)]


def test_group_members_overlap() -> None:
    client = ChangingListing(list(range(30)), size=PAGE_SIZE, change=after(2, lambda found: found.pop(0)))
    members = ConsistentPaginator(client, ListGroupMembers(group_id=7), concurrency=1)
    assert read_ids(members) == list(range(30))
