"""Metrics: requests by operation and status, and waiting tasks."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import Stats

from airflow_provider_damstra.endpoints import GetUser, ListGroupMembers, ListUsers
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from airflow_provider_damstra.hooks.metrics import gauge_waiting_tasks
from tests.hooks.connections import connection_json

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

Counted = Counter[tuple[str, str]]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Return counters of the requests that are counted and timed, by operation and status."""
    counts: Counted = Counter()

    def timing(name: str, duration: timedelta, *, tags: dict[str, str]) -> None:
        assert name == "damstra.api.request.duration"
        assert timedelta(0) < duration < timedelta(seconds=60)
        counts[tags["operation"], tags["status"]] += 1

    def incr(name: str, *, tags: dict[str, str]) -> None:
        assert name == "damstra.api.request"
        counts[tags["operation"], f"{tags['status']}, counted"] += 1

    monkeypatch.setattr(Stats, "timing", timing)
    monkeypatch.setattr(Stats, "incr", incr)
    return counts


def counted_and_timed(counts: dict[tuple[str, str], int]) -> Counted:
    both = {(name, f"{status}, counted"): count for (name, status), count in counts.items()}
    return Counter({**counts, **both})


@pytest.fixture
def rate_limited(damstra_emulator: DamstraEmulator) -> DamstraEmulator:
    """Return an emulator whose first response is 429."""
    damstra_emulator.add_fault("status", status=429, headers={"Retry-After": "0"}, count=1)
    return damstra_emulator


EXPECTED = {
    ("GetUser", "429"): 1,
    ("GetUser", "200"): 1,
    ("ListGroupMembers", "200"): 2,
    ("GetUser", "404"): 1,
}


def test_sync_requests_are_counted(rate_limited: DamstraEmulator, counted: Counted) -> None:
    hook = DamstraHook()
    hook.call(GetUser(user_id=1011))
    assert len(list(hook.iterate(ListGroupMembers(group_id=102), concurrency=1))) == 6
    with suppress(DamstraError):
        hook.call(GetUser(user_id=999))
    pages = counted["ListGroupMembers", "200"]
    assert counted == counted_and_timed({**EXPECTED, ("ListGroupMembers", "200"): pages})
    assert pages == len(rate_limited.journal(path="/group/*/member"))


async def test_async_requests_are_counted(rate_limited: DamstraEmulator, counted: Counted) -> None:
    async with DamstraHook().async_client() as client:
        await client.call(GetUser(user_id=1011))
        [row async for row in client.iterate(ListGroupMembers(group_id=102))]
        with suppress(DamstraError):
            await client.call(GetUser(user_id=999))
    pages = len(await asyncio.to_thread(rate_limited.journal, path="/group/*/member"))
    assert counted == counted_and_timed({**EXPECTED, ("ListGroupMembers", "200"): pages})


def test_request_without_response_is_counted(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"http://127.0.0.1:{closed.getsockname()[1]}"
    connection: Any = connection_json(host=host, extra={"max_retries": 0})
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", connection)
    with suppress(DamstraError):
        list(DamstraHook().iterate(ListUsers()))
    assert counted == counted_and_timed({("ListUsers", "none"): 1})


def test_waiting_tasks_are_gauged_by_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    gauges: list[tuple[Any, ...]] = []
    monkeypatch.setattr(Stats, "gauge", lambda *values, tags: gauges.append((*values, tags)))
    gauge_waiting_tasks(7, damstra_conn_id="mine")
    assert gauges == [("damstra.waits", 7, {"connection": "mine"})]
