"""Turns and pauses of pages that were asked for ahead: nobody waits for ever, nor longer than asked."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients import ahead as ahead_module
from airflow_provider_damstra.clients import transport as transport_module
from airflow_provider_damstra.clients.asynchronous import AsyncClient
from airflow_provider_damstra.clients.sync import Client
from airflow_provider_damstra.endpoints import GetUser, ListUsers
from tests.clients.calls import open_connections
from tests.clients.clock import Clock, until
from tests.clients.faces import settings_for
from tests.clients.pages_ahead import MOST, TOTAL, opened, page, pages_of
from tests.contract.stub import stub_server

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.contract.stub import RecordedRequest
    from tests.contract.table import StubResponse


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

    def answer(request: RecordedRequest) -> StubResponse:
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
