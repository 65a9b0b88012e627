"""Reading the rows of a resource: to which parent they belong, concurrency, failures and bounded memory."""

from __future__ import annotations

import asyncio
import json
import threading
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Self

import pytest

from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.endpoints import InactivateUser, ListUserLessonSchedules
from airflow_provider_damstra.errors import DamstraNotFoundError, DamstraResponseError, DamstraServerError
from airflow_provider_damstra.exports.consistent_pagination import OverlappingPage
from airflow_provider_damstra.exports.reader import QUEUED_PAGES, ResourceReader, RowPage
from airflow_provider_damstra.exports.resources import RESOURCES, ResourceQuery
from airflow_provider_damstra.exports.schema import row_values
from tests.clients.drivers import settings_for
from tests.clients.servers import http_response, raw_server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator

    from airflow_provider_damstra.exports.reader import Rows
    from airflow_provider_damstra.testing import DamstraEmulator

ALISON, MAYA, LIAM = 1011, 1013, 1012
ACTIVE = {"active_value": "active"}
USERS = ResourceQuery(resource=RESOURCES["users"], max_concurrency=4)


@pytest.fixture
def client(damstra_emulator: DamstraEmulator) -> Iterator[Client]:
    with Client(settings_for(damstra_emulator.url, page_size=2, max_retries=0)) as client:
        yield client


def open_reader(
    query: ResourceQuery, emulator: DamstraEmulator, *, page_size: int = 2, max_retries: int = 0
) -> ResourceReader:
    settings = settings_for(emulator.url, page_size=page_size, max_retries=max_retries)
    return ResourceReader(query, partial(AsyncClient, settings))


def schedules(*user_ids: int, **arguments: Any) -> ResourceQuery:
    return ResourceQuery(
        **{
            "resource": RESOURCES["lesson_schedules"],
            "parent_ids": user_ids,
            "max_concurrency": 4,
            **arguments,
        }
    )


def ids(pages: Iterable[RowPage], parent_id: int | None = None) -> list[int]:
    return [
        json.loads(bytes(row))["id"] for page in pages if page.parent_id == parent_id for row in page.rows
    ]


def requested(emulator: DamstraEmulator) -> list[tuple[str, str]]:
    return sorted((entry["path"], entry["query"]["startIndex"]) for entry in emulator.journal())


def test_each_parent_has_its_rows_in_order_and_one_last_page(
    client: Client, damstra_emulator: DamstraEmulator
) -> None:
    with open_reader(schedules(ALISON, LIAM, MAYA), damstra_emulator) as reader:
        pages = list(reader.pages())
    for one in (ALISON, LIAM, MAYA):
        assert ids(pages, one) == [row.id for row in client.iterate(ListUserLessonSchedules(user_id=one))]
        ends = [page.is_last for page in pages if page.parent_id == one]
        assert ends == [False] * (len(ends) - 1) + [True]
    assert all(len(page.rows) <= 2 for page in pages)


def test_skipped_parents_are_not_requested(damstra_emulator: DamstraEmulator) -> None:
    with open_reader(schedules(ALISON, LIAM), damstra_emulator) as reader:
        whole = list(reader.pages())
        damstra_emulator.clear_journal()
        rest = list(reader.pages(skip={LIAM}))
    assert {page.parent_id for page in rest} == {ALISON}
    assert ids(rest, ALISON) == ids(whole, ALISON) != []
    # Each page begins with the last row of the page before.
    assert requested(damstra_emulator) == [
        (f"/user/{ALISON}/lesson_schedule", start) for start in ("0", "1", "2", "3", "4")
    ]


def test_single_listing_has_no_parent(damstra_emulator: DamstraEmulator) -> None:
    with open_reader(USERS, damstra_emulator) as reader:
        pages = list(reader.pages())
    assert {page.parent_id for page in pages} == {None}
    assert ids(pages) == list(range(1001, 1041))
    assert reader.total == 40


def inactivate_after(pages: Iterator[RowPage], client: Client, *, count: int) -> list[RowPage]:
    """Return all pages; a user is inactivated when some of them were read."""
    before = list(islice(pages, count))
    client.call(InactivateUser(user_id=1002))
    return [*before, *pages]


@pytest.mark.parametrize("pages", [1, 5])
@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("size", [2, 10])
def test_no_row_is_lost_if_one_is_deleted_while_a_listing_is_read(
    size: int, concurrency: int, pages: int, client: Client, damstra_emulator: DamstraEmulator
) -> None:
    query = ResourceQuery(resource=RESOURCES["users"], filters=ACTIVE, max_concurrency=concurrency)
    with open_reader(query, damstra_emulator, page_size=size) as reader:
        found = ids(inactivate_after(reader.pages(), client, count=pages))
    assert [one for one in found if one != 1002] == [1001, *range(1003, 1038)]


def test_changed_listing_is_read_again_if_consumer_deduplicates(
    client: Client, damstra_emulator: DamstraEmulator
) -> None:
    query = ResourceQuery(resource=RESOURCES["users"], filters=ACTIVE, max_concurrency=1, deduplicates=True)
    with open_reader(query, damstra_emulator) as reader:
        found = ids(inactivate_after(reader.pages(), client, count=5))
    staying = [1001, *range(1003, 1038)]
    assert found == [1001, 1002, *staying[1:], *staying]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_no_parent_is_lost_if_one_is_deleted_while_they_are_listed(
    concurrency: int, client: Client, damstra_emulator: DamstraEmulator
) -> None:
    remaining = iter(range(7))

    class InactivatingClient(AsyncClient):
        """Inactivates a user after some pages."""

        async def pages(self, *arguments: Any, **options: Any) -> AsyncGenerator[Any, None]:
            async for page in super().pages(*arguments, **options):
                if next(remaining, None) == 6:
                    client.call(InactivateUser(user_id=1002))
                yield page

    settings = settings_for(damstra_emulator.url, page_size=2)
    query = schedules(parent_ids=None, parent_filters=ACTIVE, max_concurrency=concurrency)
    with ResourceReader(query, partial(InactivatingClient, settings)) as reader:
        assert reader.parent_ids() == [*range(1001, 1038)]


class FakeClient:
    """A client whose pages are returned by a function of the user id and the page's number."""

    def __init__(self, page: Callable[[int, int], Rows]) -> None:
        self.page = page
        self.requests = 0
        self.is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_closed = True

    async def pages(self, endpoint: Any, **_: Any) -> AsyncGenerator[OverlappingPage, None]:
        for number in count():
            self.requests += 1
            rows = self.page(getattr(endpoint, "user_id", 0), number)
            if not rows:
                return
            yield OverlappingPage(rows)


def test_parents_and_their_rows_are_read_with_one_client() -> None:
    opened: list[FakeClient] = []

    def open_client() -> FakeClient:
        opened.append(FakeClient(lambda user_id, number: [] if number else [b'{"id":1}']))
        return opened[-1]

    with ResourceReader(schedules(parent_ids=None), open_client) as reader:
        assert ids(reader.pages(), 1) == [1]
        assert [client.is_closed for client in opened] == [False]
    assert [client.is_closed for client in opened] == [True]


@pytest.mark.parametrize("row", [b"{}", b'{"id":null}', b"7"])
def test_parent_without_id_fails(row: bytes) -> None:
    client = FakeClient(lambda user_id, number: [row])
    with (
        ResourceReader(schedules(parent_ids=None), lambda: client) as reader,
        pytest.raises(DamstraResponseError, match="a row of users has no id") as caught,
    ):
        reader.parent_ids()
    assert caught.value.__context__ is None


def test_parent_with_lone_surrogate_has_its_id() -> None:
    client = FakeClient(lambda user_id, number: [] if number else [rb'{"id":7,"firstName":"Bob\ud83d"}'])
    with ResourceReader(schedules(parent_ids=None), lambda: client) as reader:
        assert reader.parent_ids() == [7]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b'{"id":1}', b'{"id":1,"groupId":5}'),
        (b" {} ", b'{"groupId":5}'),
        (b'{"id":1,"groupId":"five"}', b'{"id":1,"groupId":"five","groupId":5}'),
    ],
)
def test_added_parent_id_replaces_member_of_the_row(row: bytes, expected: bytes) -> None:
    resource = RESOURCES["group_members"]
    query = ResourceQuery(resource=resource, parent_ids=[5], max_concurrency=1)
    client = FakeClient(lambda _, number: [] if number else [row])
    with ResourceReader(query, lambda: client) as reader:
        assert [line for page in reader.pages() for line in page.rows] == [expected]
    if b"id" in row:
        assert row_values(resource, expected)[:2] == (5, 1)


def test_export_fails_if_all_parents_fail_and_none_is_skipped(damstra_emulator: DamstraEmulator) -> None:
    unknown_users = schedules(999_998, 999_999, skip_failed_parents=True)
    with open_reader(unknown_users, damstra_emulator) as reader, pytest.raises(DamstraNotFoundError):
        list(reader.pages())
    with open_reader(schedules(LIAM, 999_999, skip_failed_parents=True), damstra_emulator) as reader:
        assert list(reader.pages(skip={LIAM})) == []
    assert list(reader.failed) == [999_999]


@pytest.mark.parametrize("query", [USERS, schedules(LIAM)], ids=["single listing", "many listings"])
def test_error_of_a_page_reaches_the_caller_after_retries(
    query: ResourceQuery, damstra_emulator: DamstraEmulator
) -> None:
    damstra_emulator.add_fault("status", status=503, headers={"Retry-After": "0"})
    with (
        open_reader(query, damstra_emulator, max_retries=2) as reader,
        pytest.raises(DamstraServerError) as caught,
    ):
        list(reader.pages())
    assert (caught.value.status, len(damstra_emulator.journal())) == (503, 3)


@pytest.mark.parametrize("query", [USERS, schedules(LIAM)], ids=["single listing", "many listings"])
def test_unexpected_error_reaches_the_caller_unwrapped(query: ResourceQuery) -> None:
    def fail(user_id: int, number: int) -> Rows:
        raise ZeroDivisionError("a bug")

    client = FakeClient(fail)
    with ResourceReader(query, lambda: client) as reader, pytest.raises(ZeroDivisionError, match="a bug"):
        list(reader.pages())
    assert client.is_closed


def test_slow_listing_does_not_delay_others() -> None:
    others_are_read = threading.Event()

    class SlowForOne(FakeClient):
        async def pages(self, endpoint: Any, **options: Any) -> AsyncGenerator[OverlappingPage, None]:
            if endpoint.user_id == 1:
                assert await asyncio.to_thread(others_are_read.wait, 10)
            async for page in super().pages(endpoint, **options):
                yield page

    client = SlowForOne(lambda user_id, number: [b'{"id":%d}' % user_id] if number == 0 else [])
    order = []
    with ResourceReader(schedules(*range(1, 30), max_concurrency=2), lambda: client) as reader:
        for page in reader.pages():
            order += [page.parent_id] if page.is_last else []
            if len(order) == 28:
                others_are_read.set()
    assert sorted(order[:-1]) == list(range(2, 30))  # type: ignore[type-var]
    assert order[-1] == 1


def test_pages_of_many_listings_in_memory_are_bounded() -> None:
    client = FakeClient(lambda user_id, number: [b'{"id":%d}' % (1000 * user_id + number)])
    with ResourceReader(schedules(*range(1, 1001), max_concurrency=3), lambda: client) as reader:
        for taken, _ in enumerate(islice(reader.pages(), 100), start=1):
            assert client.requests <= taken + 2 * 3
        # The hundredth page is in use until the next one is requested.
        wait_until(lambda: client.requests == 99 + 2 * 3, "all slots are used")


def test_pages_of_a_single_listing_in_memory_are_bounded() -> None:
    client = FakeClient(lambda user_id, number: [b'{"id":%d}' % number])
    with ResourceReader(USERS, lambda: client) as reader:
        for taken, page in enumerate(islice(reader.pages(), 100), start=1):
            assert client.requests <= taken + QUEUED_PAGES + 1
            assert ids([page]) == [taken - 1]
        wait_until(lambda: client.requests == 99 + QUEUED_PAGES + 1, "all slots are used")
    assert client.is_closed


def test_parent_whose_name_is_not_unicode_is_read() -> None:
    users = b'{"results":[{"id":1},{"id":2,"firstName":"Bob\\ud83d"}],"meta":{"totalResultCount":2}}'
    query = ResourceQuery(resource=RESOURCES["lesson_schedules"], max_concurrency=1)
    with (
        raw_server(http_response(users)) as server,
        ResourceReader(query, partial(AsyncClient, settings_for(server.url))) as reader,
    ):
        assert reader.parent_ids() == [1, 2]
