"""Prefetched pages: in order, bounded, and nothing is left behind when an iteration stops."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients import base
from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.clients.rate_limiter import rate_limiter_for
from airflow_provider_damstra.endpoints import GetUser, ListUsers
from airflow_provider_damstra.errors import DamstraTransportError
from tests.clients.drivers import settings_for
from tests.contract.stub import stub_server
from tests.contract.table import json_response
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.clients.settings import ClientSettings
    from tests.clients.conftest import OpenClient
    from tests.contract.stub import RecordedRequest, StubServer
    from tests.contract.table import StubResponse

CONCURRENCY = 8
TOTAL = 12
LIST = ListUsers()


def user_or_page(request: RecordedRequest) -> StubResponse:
    """Return a page of one user, or the user that is requested."""
    if request.path.endswith("/user"):
        return json_response(
            {"results": [{"id": request.start_index + 1}], "meta": {"totalResultCount": TOTAL}}
        )
    return json_response({"id": int(request.path.rpartition("/")[2])})


class Gate:
    """Hold the responses to all pages but the first until the gate is open."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def respond(self, request: RecordedRequest) -> StubResponse:
        assert not request.start_index or self.opened.wait(10)
        return user_or_page(request)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def settings_of(server: StubServer, **changes: Any) -> ClientSettings:
    address = server.base_url.removesuffix("/api/v2")
    limits: dict[str, Any] = {"max_concurrency": CONCURRENCY, "page_size": 1, **changes}
    return settings_for(address, **limits)


def page_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("damstra-pages")]


def test_pages_are_yielded_in_order_for_any_order_of_responses(open_client: OpenClient) -> None:
    responded = [threading.Event() for _ in range(TOTAL + 1)]

    def respond(request: RecordedRequest) -> StubResponse:
        start = request.start_index
        if start:  # The page after this one, of the same batch, receives its response first.
            is_last = start in (CONCURRENCY, TOTAL - 1)
            assert is_last or responded[start + 1].wait(10)
            responded[start].set()
        return user_or_page(request)

    with stub_server(respond) as server:
        address = server.base_url.removesuffix("/api/v2")
        client = open_client(address, max_concurrency=CONCURRENCY, page_size=1)
        assert [user.id for user in client.take(LIST)] == list(range(1, TOTAL + 1))


def test_failed_page_raises_after_the_pages_before_it(open_client: OpenClient) -> None:
    def respond(request: RecordedRequest) -> StubResponse:
        if request.start_index == 2:
            raise ConnectionError("the server drops the connection")
        return user_or_page(request)

    with stub_server(respond) as server:
        client = open_client(
            server.base_url.removesuffix("/api/v2"), max_concurrency=CONCURRENCY, page_size=1, max_retries=0
        )
        assert [user.id for user in client.take(LIST, 2)] == [1, 2]
        with pytest.raises(
            DamstraTransportError, match="the connection was closed before a response arrived"
        ):
            client.take(LIST)


@pytest.mark.parametrize("permits", [1, 2, 4])
def test_calls_are_possible_while_a_listing_is_read(permits: int) -> None:
    with stub_server(user_or_page) as server:
        settings = settings_of(server, max_concurrency=permits)
        found = []
        with Client(settings) as client, Client(settings) as other:
            for user in client.iterate(LIST):
                found.append(client.call(GetUser(user_id=user.id)).id)
                assert other.call(GetUser(user_id=user.id)).id == user.id
                assert asyncio.run(call_in_loop(settings, user.id)) == user.id
    assert found == list(range(1, TOTAL + 1))


async def call_in_loop(settings: ClientSettings, user_id: int) -> int:
    async with AsyncClient(settings) as client:
        return (await asyncio.wait_for(client.call(GetUser(user_id=user_id)), 10)).id


def test_listing_of_one_page_needs_no_thread() -> None:
    with (
        stub_server(user_or_page) as server,
        Client(settings_of(server)) as client,
        closing(client.iterate(LIST)) as listing,
    ):
        assert next(listing).id == 1
        assert page_threads() == []


@pytest.mark.parametrize("taken", [1, 2, 5])
def test_stopped_iteration_leaves_no_thread_and_no_permit(taken: int) -> None:
    with stub_server(user_or_page) as server, Client(settings_of(server)) as client:
        with closing(client.iterate(LIST)) as listing:
            assert [next(listing).id for _ in range(taken)] == list(range(1, taken + 1))
        wait_until(lambda: page_threads() == [], "the threads have ended")
        assert rate_limiter_for(client.settings).free_permits == CONCURRENCY


def test_stopped_iteration_ends_retries_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def respond(request: RecordedRequest) -> StubResponse:
        return (
            json_response({"error": "busy"}, status=503) if request.start_index > 1 else user_or_page(request)
        )

    monkeypatch.setattr(base, "_wait", lambda _: 60.0)
    with stub_server(respond) as server, Client(settings_of(server)) as client:
        with closing(client.iterate(LIST)) as listing:
            assert [next(listing).id, next(listing).id] == [1, 2]
            wait_until(lambda: len(server.requests) > CONCURRENCY, "all pages have failed once")
        wait_until(lambda: page_threads() == [], "the threads have ended")
        assert len(server.requests) <= CONCURRENCY + 2


@pytest.mark.parametrize("limits", [{"requests_per_second": 2.0}, {"max_concurrency": 1}], ids=str)
def test_stopped_iteration_sends_no_request_that_waits_for_the_rate_limiter(limits: dict[str, Any]) -> None:
    second_page = threading.Event()

    def respond(request: RecordedRequest) -> StubResponse:
        # Without the event, the only permit would be passed on before the iteration is stopped.
        assert request.start_index < 2 or second_page.wait(10)
        return user_or_page(request)

    with stub_server(respond) as server, Client(settings_of(server, **limits)) as client:
        with closing(client.iterate(LIST, concurrency=CONCURRENCY)) as listing:
            assert [next(listing).id, next(listing).id] == [1, 2]
        sent = len(server.requests)
        second_page.set()
        wait_until(lambda: page_threads() == [], "the threads have ended")
        assert len(server.requests) <= sent + 1
        assert rate_limiter_for(client.settings).free_permits == client.settings.max_concurrency


class Killed(Exception):
    """As Airflow raises it in a signal handler, wherever the task is."""


def raise_killed(*_: object) -> None:
    raise Killed


def test_killed_iteration_leaks_no_permit_and_no_thread(gate: Gate) -> None:
    """The thread that waits for a page is killed; the client can be used afterwards."""
    main = threading.get_ident()

    def kill_when_pages_are_in_flight() -> None:
        wait_until(lambda: len(server.requests) > CONCURRENCY, "the pages are in flight")
        signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, raise_killed)
    try:
        with stub_server(gate.respond) as server, Client(settings_of(server)) as client:
            killer = threading.Thread(target=kill_when_pages_are_in_flight, daemon=True)
            killer.start()
            with pytest.raises(Killed):
                list(client.iterate(LIST))
            killer.join(10)
            gate.opened.set()
            wait_until(lambda: page_threads() == [], "the threads have ended")
            assert rate_limiter_for(client.settings).free_permits == CONCURRENCY
            assert [user.id for user in client.iterate(LIST)] == list(range(1, TOTAL + 1))
    finally:
        signal.signal(signal.SIGUSR1, before)
