"""Pages asked for ahead: many in flight, few in memory, none left open, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection

from airflow_provider_damstra.clients import ahead as ahead_module
from airflow_provider_damstra.clients import connections as connections_module
from airflow_provider_damstra.clients import transport as transport_module
from airflow_provider_damstra.clients.ahead import READERS, PagesAhead
from airflow_provider_damstra.clients.asynchronous import AsyncClient
from airflow_provider_damstra.clients.connections import Connections
from airflow_provider_damstra.clients.core import ClientCore
from airflow_provider_damstra.clients.sync import Client
from airflow_provider_damstra.clients.transport import Transport
from airflow_provider_damstra.endpoints import GetUser, ListUsers
from airflow_provider_damstra.errors import DamstraTransportError
from tests.clients.calls import open_connections
from tests.clients.clock import Clock, until
from tests.clients.faces import settings_for
from tests.clients.rooms import free_places
from tests.contract.stub import stub_server
from tests.contract.table import json_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.clients.transport import Sent
    from airflow_provider_damstra.testing import DamstraEmulator
    from airflow_provider_damstra.wire import Request
    from tests.contract.stub import Recorded, Stub
    from tests.contract.table import Answer

MOST = 8
REQUESTS = [ListUsers().page_request(start=start, size=1) for start in range(MOST)]
TOTAL = 12


def page(request: Recorded) -> Answer:
    """Return one user of a listing, or the one that is asked for."""
    if request.path.endswith("/user"):
        return json_answer(
            {"results": [{"id": request.start_index + 1}], "meta": {"totalResultCount": TOTAL}}
        )
    return json_answer({"id": int(request.path.rpartition("/")[2])})


class Pages:
    """Asks a server for pages ahead, and keeps which were read."""

    def __init__(self, server: Stub, **settings: Any) -> None:
        address = server.base_url.removesuffix("/api/v2")
        self.server = server
        self.settings = settings_for(address, max_concurrency=MOST, **settings)
        self.transport = Transport(ClientCore(self.settings))
        self.read: list[bytes] = []
        self.ahead: PagesAhead[bytes] = PagesAhead(self.transport, self._read, most=MOST)

    def _read(self, request: Request, sent: Callable[[], Sent]) -> bytes:
        body = sent().read().body
        self.read.append(body)
        return body

    def ask(self) -> None:
        """Ask for all pages, and wait until the server knows."""
        before = len(self.server.requests)
        self.ahead.ask_for(REQUESTS)
        until(lambda: len(self.server.requests) == before + MOST, "all are asked")

    def take(self, count: int) -> list[int]:
        """Return the ids on the next pages."""
        return [int(self.ahead.take().partition(b'"id": ')[2].partition(b"}")[0]) for _ in range(count)]


@contextmanager
def pages_of(answer: Callable[[Recorded], Answer] = page, **settings: Any) -> Iterator[Pages]:
    with stub_server(answer) as server:
        pages = Pages(server, **settings)
        try:
            yield pages
        finally:
            pages.ahead.close()
        pages.transport.connections.clear()


@contextmanager
def opened(door: threading.Event) -> Iterator[None]:
    """Open the door at the end, so that the server can stop."""
    try:
        yield
    finally:
        door.set()


def test_all_are_asked_and_come_in_order() -> None:
    with pages_of() as pages:
        pages.ask()
        assert pages.take(MOST) == list(range(1, MOST + 1))
        assert len(pages.ahead) == 0


def test_open_connections_are_used_again_and_no_thread_is_needed() -> None:
    with pages_of() as pages:
        pages.ask()
        pages.take(MOST)
        with closing(PagesAhead(pages.transport, pages._read, most=MOST)) as other:
            pages.ahead.close()
            until(lambda: "damstra-ask" not in thread_names(), "the threads have ended")
            other.ask_for(REQUESTS)
            assert "damstra-ask" not in thread_names()
            assert len([other.take() for _ in REQUESTS]) == MOST


@pytest.mark.parametrize("seconds", [10.0, -1.0])
def test_connections_are_made_in_threads_unless_the_server_is_near(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "AT_ONCE", seconds)
    with pages_of() as pages:
        pages.transport.call(REQUESTS[0])
        pages.ahead.ask_for(REQUESTS)
        assert ("damstra-ask" in thread_names()) == (seconds < 0)
        assert pages.take(MOST) == list(range(1, MOST + 1))


def test_what_cannot_be_connected_at_once_is_tried_in_a_thread() -> None:
    with pages_of(max_retries=0) as pages:
        pages.transport.call(REQUESTS[0])
        pages.transport.connections.clear()
        pages.server.shutdown()
        pages.server.server_close()
        pages.ahead.ask_for(REQUESTS[:2])
        for _ in range(2):
            with pytest.raises(DamstraTransportError, match="connection refused"):
                pages.take(1)
    assert free_places(pages.transport.limits, MOST + 1) == MOST


def test_a_page_that_was_taken_leaves_nothing_for_the_collector() -> None:
    with pages_of() as pages:
        pages.ask()
        pages.take(MOST)
        pages.ask()
        known = [weakref.ref(sent) for _, sent in pages.ahead._asked]
        gc.disable()
        try:
            pages.take(MOST)
            assert [sent() for sent in known] == [None] * MOST
        finally:
            gc.enable()


def has_read(pages: Pages, count: int) -> bool:
    return len(pages.read) >= count


def thread_names() -> str:
    return " ".join(thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("asked_before", [False, True])
def test_few_are_read_ahead_where_the_network_is_slow(
    asked_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "SLOW", -1.0)
    with pages_of() as pages:
        if asked_before:
            pages.ask()
            pages.take(MOST)
        pages.ask()
        pages.read.clear()
        for number in range(1, MOST + 1):
            assert pages.take(1) == [number]
            due = min(number + READERS, MOST)
            until(partial(has_read, pages, due), "some are read")
            assert len(pages.read) == due


@pytest.mark.parametrize("taken", [0, 1, 5])
@pytest.mark.parametrize("asked_before", [False, True])
def test_what_is_not_taken_holds_no_turn_and_no_connection(asked_before: bool, taken: int) -> None:
    with pages_of() as pages:
        if asked_before:
            pages.ask()
            pages.take(MOST)
        pages.ask()
        pages.take(taken)
        pages.ahead.close()
        assert len(pages.ahead) == 0
        until(lambda: free_places(pages.transport.limits, MOST + 1) == MOST, "all turns are over")


def test_a_page_that_fails_fails_in_its_turn() -> None:
    def answer(request: Recorded) -> Answer:
        if request.start_index == 2 and request.path.endswith("/user"):
            raise ConnectionError("the server dies of this one")
        return page(request)

    with pages_of(answer) as pages:
        pages.ask()
        assert pages.take(2) == [1, 2]
        with pytest.raises(DamstraTransportError, match="the connection broke before an answer came"):
            pages.take(1)
        assert pages.take(2) == [4, 5]


class Killed(Exception):
    """As Airflow raises it in a signal handler, wherever the task is."""


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (HTTPConnection, "request"),
        (HTTPConnection, "getresponse"),
        (HTTPResponse, "read"),
        (Connections, "idle"),
        (Pages, "_read"),
        (ahead_module, "readable"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
@pytest.mark.parametrize("is_slow", [False, True])
def test_who_is_killed_gives_everything_back(
    where: Any, what: str, is_slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = threading.current_thread()
    known = getattr(where, what)

    def kill(*args: Any, **options: Any) -> Any:
        if threading.current_thread() is killed:
            raise Killed
        return known(*args, **options)

    monkeypatch.setattr(transport_module, "SLOW", -1.0 if is_slow else 60.0)
    with pages_of() as pages:
        pages.ask()
        pages.take(MOST)
        pages.ask()
        pages.take(2)
        monkeypatch.setattr(where, what, kill)
        with suppress(Killed):
            pages.ahead.ask_for(REQUESTS[:2])
            while len(pages.ahead):
                pages.ahead.take()
        pages.ahead.close()
        monkeypatch.undo()
        until(lambda: free_places(pages.transport.limits, MOST + 1) == MOST, "all turns are over")
        assert not pages.transport.limits._lent
        pages.ahead = PagesAhead(pages.transport, pages._read, most=MOST)
        pages.ahead.ask_for(REQUESTS)
        assert pages.take(MOST) == list(range(1, MOST + 1))


def test_what_was_dropped_is_not_taken() -> None:
    with pages_of() as pages:
        pages.ask()
        assert pages.take(1) == [1]
        pages.ahead.drop()
        assert len(pages.ahead) == 0
        pages.ahead.ask_for(REQUESTS[5:7])
        assert pages.take(2) == [6, 7]


@pytest.mark.parametrize("places", [1, 2, 4])
def test_who_takes_pages_may_ask_for_something_else_meanwhile(places: int) -> None:
    """All turns are taken by pages ahead, and nobody but the caller could end them."""
    with stub_server(page) as server:
        settings = settings_for(server.base_url.removesuffix("/api/v2"), max_concurrency=places, page_size=1)
        with Client(settings) as client, Client(settings) as other:
            found = []
            for user in client.iterate(ListUsers()):
                found.append(client.call(GetUser(user_id=user.id)).id)
                assert other.call(GetUser(user_id=user.id)).id == user.id
                assert asyncio.run(call_in_loop(settings, user.id)) == user.id
    assert found == list(range(1, TOTAL + 1))


@pytest.mark.parametrize("is_left", [False, True])
def test_who_needs_a_turn_waits_for_no_more_than_one(is_left: bool) -> None:
    """One answer begins and the others do not, or the listing is left."""
    door = threading.Event()
    asked_again = threading.Event()

    def answer(request: Recorded) -> Answer:
        is_held = request.path.endswith("/user") and (request.start_index > 0 or is_left)
        assert not (is_held and asked_again.is_set()) or door.wait(10)
        return page(request)

    with pages_of(answer, timeout=60) as pages, Client(pages.settings) as other, opened(door):
        pages.ask()
        pages.take(MOST)
        asked_again.set()
        pages.ask()
        with ThreadPoolExecutor(1) as pool:
            calling = pool.submit(other.call, GetUser(user_id=7))
            if is_left:
                until(lambda: bool(pages.transport.limits._waiting), "one waits")
                pages.ahead.close()
            assert calling.result(timeout=10).id == 7


async def call_in_loop(settings: ClientSettings, user_id: int) -> int:
    async with AsyncClient(settings) as client:
        return (await asyncio.wait_for(client.call(GetUser(user_id=user_id)), 10)).id


def test_who_waited_for_the_first_refused_page_has_waited_for_all(
    damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    for module in (ahead_module, transport_module):
        monkeypatch.setattr(module, "time", clock)
    settings = settings_for(damstra_emulator.url, max_concurrency=MOST, page_size=4)

    def sleep(seconds: float) -> None:
        until(lambda: len(refused(damstra_emulator)) == MOST, "all are refused")
        clock.pass_by(seconds)

    with Client(settings, sleep=sleep) as client:
        open_connections(client, damstra_emulator, MOST)
        pages = client.pages(ListUsers())
        count = len(next(pages))
        damstra_emulator.add_fault("status", status=429, headers={"Retry-After": "7"}, count=MOST)
        assert count + sum(map(len, pages)) == 37
    assert clock.sleeps == [7] + [0] * (MOST - 1)


def refused(emulator: DamstraEmulator) -> list[Any]:
    return [entry for entry in emulator.journal() if entry["status"] == 429]
