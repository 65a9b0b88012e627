"""Many threads and tasks share clients: never more requests in flight than the connection allows."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.endpoints import GetUser
from tests.clients.concurrency import ConcurrencyCounter
from tests.clients.drivers import settings_for
from tests.contract.stub import stub_server
from tests.contract.table import json_response
from tests.waiting import wait_until

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings
    from tests.contract.stub import RecordedRequest
    from tests.contract.table import StubResponse


async def call_in_loop(settings: ClientSettings, count: int) -> list[Any]:
    async with AsyncClient(settings) as client:
        return await asyncio.gather(*(client.call(GetUser(user_id=one)) for one in range(1, count + 1)))


@pytest.mark.parametrize("max_concurrency", [1, 3])
def test_sync_and_async_clients_share_one_limit(max_concurrency: int) -> None:
    counter = ConcurrencyCounter()

    def respond(request: RecordedRequest) -> StubResponse:
        with counter.held():
            return json_response({"id": int(request.path.rpartition("/")[2])})

    with stub_server(respond) as server, ThreadPoolExecutor(8) as pool:
        settings = settings_for(server.base_url.removesuffix("/api/v2"), max_concurrency=max_concurrency)
        with Client(settings) as one, Client(settings) as other:
            threads = [
                pool.submit(client.call, GetUser(user_id=7)) for client in (one, other) for _ in range(6)
            ]
            loop = pool.submit(asyncio.run, call_in_loop(settings, 8))
            wait_until(lambda: counter.current == max_concurrency, "as many requests are in flight as may be")
            counter.gate.set()
            assert [future.result(timeout=10).id for future in threads] == [7] * 12
            assert [user.id for user in loop.result(timeout=10)] == list(range(1, 9))
    assert counter.peak == max_concurrency
    assert len(server.requests) == 20


def test_threads_share_one_client() -> None:
    with stub_server(lambda request: json_response({"id": int(request.path.rpartition("/")[2])})) as server:
        settings = settings_for(server.base_url.removesuffix("/api/v2"), max_concurrency=4)
        with Client(settings) as client, ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda one: client.call(GetUser(user_id=one)).id, range(1, 101)))
    assert found == list(range(1, 101))


def test_tasks_share_one_client() -> None:
    with stub_server(lambda request: json_response({"id": int(request.path.rpartition("/")[2])})) as server:
        settings = settings_for(server.base_url.removesuffix("/api/v2"), max_concurrency=4)
        assert [user.id for user in asyncio.run(call_in_loop(settings, 100))] == list(range(1, 101))


def test_cancelled_call_releases_its_permit() -> None:
    counter = ConcurrencyCounter()

    def respond(_: RecordedRequest) -> StubResponse:
        with counter.held():
            return json_response({"id": 7})

    async def scenario(settings: ClientSettings) -> int:
        async with AsyncClient(settings) as client:
            calls = [asyncio.ensure_future(client.call(GetUser(user_id=7))) for _ in range(4)]
            await asyncio.to_thread(
                wait_until, lambda: counter.current == 1, "the first request is in flight"
            )
            for call in calls[:3]:
                call.cancel()
            counter.gate.set()
            return (await asyncio.wait_for(calls[3], 10)).id

    with stub_server(respond) as server:
        settings = settings_for(server.base_url.removesuffix("/api/v2"), max_concurrency=1)
        assert asyncio.run(scenario(settings)) == 7
