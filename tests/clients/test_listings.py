"""Listings read with both clients: every row once and in order, as lazily as rows are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.endpoints import (
    ListGroupMembers,
    ListIltSessionAttendees,
    ListUserLessonSchedules,
    ListUsers,
)
from airflow_provider_damstra.errors import DamstraPermissionError, DamstraResponseError
from airflow_provider_damstra.testing import DamstraEmulator
from tests.clients.calls import LIST
from tests.clients.servers import http_response, raw_server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.conftest import OpenClient
    from tests.clients.drivers import ClientDriver

IDS = list(range(1001, 1038))


@pytest.fixture(scope="module")
def capped_emulator() -> Iterator[DamstraEmulator]:
    """Return an emulator that gives at most seven rows on a page."""
    with DamstraEmulator(page_cap=7) as emulator:
        yield emulator


def pages(emulator: DamstraEmulator) -> list[int]:
    """Return the start indexes of the requested pages, in ascending order."""
    return sorted(int(entry["query"].get("startIndex", 0)) for entry in emulator.journal())


@pytest.mark.parametrize("concurrency", [1, 3, None])
@pytest.mark.parametrize("size", [1, 5, 36, 37, 38, 1000])
def test_every_row_is_read_once_and_in_order(
    size: int, concurrency: int | None, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    client = open_client(damstra_emulator.url, page_size=size)
    assert [user.id for user in client.take(LIST, concurrency=concurrency)] == IDS
    assert pages(damstra_emulator) == list(range(0, 37, size))


@pytest.mark.parametrize("size", [5, 7, 8, 100])
def test_pages_follow_the_cap_of_the_server(
    size: int, open_client: OpenClient, capped_emulator: DamstraEmulator
) -> None:
    capped_emulator.reset()
    client = open_client(capped_emulator.url, page_size=size)
    assert [user.id for user in client.take(LIST)] == IDS
    assert pages(capped_emulator) == list(range(0, 37, min(size, 7)))


def test_listing_without_total_ends_with_empty_page(
    open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    client = open_client(damstra_emulator.url, page_size=2)
    schedules = client.take(ListUserLessonSchedules(user_id=1011))
    assert len({schedule.id for schedule in schedules}) == len(schedules) == 4
    assert pages(damstra_emulator) == [0, 2, 4]


def test_attendees_and_members_are_listed(client: ClientDriver) -> None:
    assert len(client.take(ListIltSessionAttendees(ilt_session_id=401))) == 4
    members = client.take(ListGroupMembers(group_id=102))
    assert [user.id for user in members] == sorted(user.id for user in members)


def test_empty_listing_takes_one_request(client: ClientDriver, damstra_emulator: DamstraEmulator) -> None:
    assert client.take(ListUsers(q="unknown-name")) == []
    assert len(damstra_emulator.journal()) == 1


def test_first_page_of_rows_takes_one_request(
    open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    client = open_client(damstra_emulator.url, page_size=5)
    assert [user.id for user in client.take(LIST, 1)] == [1001]
    assert [user.id for user in client.take(LIST, 5)] == IDS[:5]
    assert pages(damstra_emulator) == [0, 0]


def test_no_more_pages_are_prefetched_than_may_be_in_flight(
    open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    client = open_client(damstra_emulator.url, page_size=5)
    assert [user.id for user in client.take(LIST, 6, concurrency=3)] == IDS[:6]
    wait_until(lambda: {0, 5} <= set(pages(damstra_emulator)), "the page that was taken is in the journal")
    assert set(pages(damstra_emulator)) <= {0, 5, 10, 15}


def test_listing_can_be_read_again_after_a_stopped_iteration(
    open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    client = open_client(damstra_emulator.url, page_size=3)
    for count in (1, 4, 10, 37):
        assert [user.id for user in client.take(LIST, count)] == IDS[:count]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_failed_page_ends_the_listing(
    concurrency: int, open_client: OpenClient, damstra_emulator: DamstraEmulator
) -> None:
    client = open_client(damstra_emulator.url, page_size=10)
    assert len(client.take(LIST, 10)) == 10
    damstra_emulator.add_fault("status", status=403, body={"internalCode": 831, "error": "Not authorised"})
    with pytest.raises(DamstraPermissionError, match=r"ListUsers \(GET /user\)"):
        client.take(LIST, concurrency=concurrency)


PAGE = '{"results": [{"id": 1}, {"id": 2}], "meta": {"totalResultCount": 9}}'


def test_server_that_ignores_start_index_raises(open_client: OpenClient) -> None:
    with raw_server(http_response(PAGE)) as server:
        with pytest.raises(DamstraResponseError, match="ignores startIndex"):
            open_client(server.url, page_size=2).take(LIST, concurrency=2)
        assert len(server.requests) <= 4


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"results": {}}', "results"),
        ("[]", "the whole"),
        ('{"meta": {}}', "results: Field required"),
        ('{"results": [{"name": "x"}]}', "results.0.id: Field required"),
    ],
)
def test_page_of_another_shape_raises(body: str, why: str, open_client: OpenClient) -> None:
    with raw_server(http_response(body)) as server:
        with pytest.raises(DamstraResponseError, match=why):
            open_client(server.url).take(LIST)
        assert len(server.requests) == 1


def test_rows_keep_unknown_fields(open_client: OpenClient) -> None:
    page: Any = '{"results": [{"id": 1, "roles": [1], "shoeSize": 43}], "meta": {"totalResultCount": "1"}}'
    with raw_server(http_response(page)) as server:
        (user,) = open_client(server.url).take(LIST)
    assert user.model_extra == {"shoeSize": 43}
    assert user.roles == [1]
