"""Listings without documented paging, on servers that return all rows whatever page is requested."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.raw_pages import RawReader
from airflow_provider_damstra.endpoints import ListIltSessionAttendees
from airflow_provider_damstra.exports.reader import ResourceReader
from airflow_provider_damstra.exports.resources import RESOURCES, ResourceQuery
from airflow_provider_damstra.testing import DamstraEmulator
from tests.clients.drivers import SyncDriver, settings_for
from tests.clients.servers import http_response, raw_server

if TYPE_CHECKING:
    from tests.clients.conftest import OpenClient

ATTENDEES = ListIltSessionAttendees(ilt_session_id=3)


def page(*ids: int, total: int | None) -> bytes:
    meta = {} if total is None else {"meta": {"startIndex": 0, "endIndex": 20, "totalResultCount": total}}
    return http_response(json.dumps({"results": [{"id": one, "userId": one} for one in ids], **meta}))


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("page_size", [1, 2, 100])
@pytest.mark.parametrize(
    ("ids", "total", "requests"),
    [([7], 20, 2), ([7, 8, 9], 20, 2), ([7, 8], None, 2), ([7, 8], 1, 2), ([7, 8], 2, 1), ([], 20, 1)],
)
def test_first_response_has_all_rows(
    ids: list[int],
    total: int | None,
    requests: int,
    page_size: int,
    open_client: OpenClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with raw_server(page(*ids, total=total)) as server:
        rows = open_client(server.url, page_size=page_size).take(ATTENDEES, concurrency=8)
        assert [row.id for row in rows] == ids
        assert len(server.requests) == requests
    is_wrong = total not in (None, len(ids))
    assert len(warnings_in(caplog)) == is_wrong
    assert not is_wrong or f"returned {len(ids)} rows, and reports a total of {total}" in caplog.text


def test_rows_that_moved_between_both_responses_are_not_returned_twice(open_client: OpenClient) -> None:
    with raw_server(page(7, 8, total=9), page(5, 7, 8, total=9)) as server:
        assert [row.id for row in open_client(server.url).take(ATTENDEES)] == [7, 8]


@pytest.mark.parametrize("second", [(8, 9), (9, 8), (8,)])
def test_listing_ends_if_first_row_was_removed_before_second_response(
    second: tuple[int, ...], open_client: OpenClient
) -> None:
    with raw_server(page(7, 8, 9, total=20), page(*second, total=20)) as server:
        assert [row.id for row in open_client(server.url).take(ATTENDEES, 9)] == [7, 8, 9]
        assert len(server.requests) == 2


def test_raw_rows_are_those_of_the_first_response() -> None:
    with raw_server(page(7, 8, total=20)) as server, SyncDriver(settings_for(server.url)) as driver:
        pages: list[list[Any]] = list(driver.client.pages(ATTENDEES, reader=RawReader()))
    assert [[json.loads(bytes(row))["id"] for row in rows] for rows in pages] == [[7, 8]]


@pytest.mark.parametrize("ids", [[7], [7, 8, 9]])
@pytest.mark.parametrize("deduplicates", [True, False])
def test_export_has_each_attendee_once(ids: list[int], deduplicates: bool) -> None:
    query = ResourceQuery(
        resource=RESOURCES["ilt_attendees"], parent_ids=[3], max_concurrency=4, deduplicates=deduplicates
    )
    with raw_server(page(*ids, total=20)) as server:
        with ResourceReader(query, partial(AsyncClient, settings_for(server.url))) as reader:
            rows: list[Any] = [json.loads(bytes(row)) for page in reader.pages() for row in page.rows]
        assert len(server.requests) == 2
    assert [row["id"] for row in rows] == ids


def test_export_ends_if_first_row_was_removed_before_second_response() -> None:
    query = ResourceQuery(resource=RESOURCES["ilt_attendees"], parent_ids=[3], max_concurrency=4)
    with raw_server(page(7, 8, 9, total=20), page(8, 9, total=20), http_response(status=403)) as server:
        with ResourceReader(query, partial(AsyncClient, settings_for(server.url))) as reader:
            assert [len(page.rows) for page in reader.pages() if page.rows] == [3]
        assert len(server.requests) == 2


def test_export_has_each_attendee_without_an_id_once() -> None:
    query = ResourceQuery(resource=RESOURCES["ilt_attendees"], parent_ids=[3], max_concurrency=4)
    with raw_server(http_response('{"results": [{"userId": 7}, {"id": 8}]}')) as server:
        with ResourceReader(query, partial(AsyncClient, settings_for(server.url))) as reader:
            assert [len(page.rows) for page in reader.pages() if page.rows] == [2]
        assert len(server.requests) == 2


def test_attendees_are_paged_on_a_server_that_does(open_client: OpenClient) -> None:
    with DamstraEmulator(page_cap=1) as emulator:
        rows = open_client(emulator.url).take(ListIltSessionAttendees(ilt_session_id=401))
        assert len({row.id for row in rows}) == len(rows) == 4
