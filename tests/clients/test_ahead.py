"""Pages asked for ahead: many in flight, few in memory, none left open."""

from __future__ import annotations

import gc
import threading
import weakref
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection

from airflow_provider_damstra.clients import ahead as ahead_module
from airflow_provider_damstra.clients import connections as connections_module
from airflow_provider_damstra.clients import transport as transport_module
from airflow_provider_damstra.clients.ahead import READERS, PagesAhead
from airflow_provider_damstra.clients.connections import Connections
from airflow_provider_damstra.errors import DamstraTransportError
from tests.clients.clock import until
from tests.clients.pages_ahead import MOST, REQUESTS, Pages, page, pages_of
from tests.clients.rooms import free_places

if TYPE_CHECKING:
    from tests.contract.stub import RecordedRequest
    from tests.contract.table import StubResponse


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
    def answer(request: RecordedRequest) -> StubResponse:
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
