"""What is counted in Airflow's metrics: requests by operation and status, and waits."""

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
from tests.hooks.connections import environment

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

Counted = Counter[tuple[str, str]]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Return how many requests are counted and timed from here on, by operation and status."""
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


def on_both(counts: dict[tuple[str, str], int]) -> Counted:
    both = {(name, f"{status}, counted"): count for (name, status), count in counts.items()}
    return Counter({**counts, **both})


@pytest.fixture
def refusing(damstra_emulator: DamstraEmulator) -> DamstraEmulator:
    """Return an emulator whose first answer is that it is busy."""
    damstra_emulator.add_fault("status", status=429, headers={"Retry-After": "0"}, count=1)
    return damstra_emulator


EXPECTED = {
    ("GetUser", "429"): 1,
    ("GetUser", "200"): 1,
    ("ListGroupMembers", "200"): 2,
    ("GetUser", "404"): 1,
}


def test_each_request_is_counted_by_operation_and_status(refusing: DamstraEmulator, counted: Counted) -> None:
    hook = DamstraHook()
    hook.call(GetUser(user_id=1011))
    assert len(list(hook.iterate(ListGroupMembers(group_id=102), concurrency=1))) == 6
    with suppress(DamstraError):
        hook.call(GetUser(user_id=999))
    pages = counted["ListGroupMembers", "200"]
    assert counted == on_both({**EXPECTED, ("ListGroupMembers", "200"): pages})
    assert pages == len(refusing.journal(path="/group/*/member"))


async def test_an_event_loop_counts_alike(refusing: DamstraEmulator, counted: Counted) -> None:
    async with DamstraHook().async_client() as client:
        await client.call(GetUser(user_id=1011))
        [row async for row in client.iterate(ListGroupMembers(group_id=102))]
        with suppress(DamstraError):
            await client.call(GetUser(user_id=999))
    pages = len(await asyncio.to_thread(refusing.journal, path="/group/*/member"))
    assert counted == on_both({**EXPECTED, ("ListGroupMembers", "200"): pages})


def test_a_request_without_an_answer_is_counted_too(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        host = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    connection: Any = environment(host=host, extra={"max_retries": 0})
    monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", connection)
    with suppress(DamstraError):
        list(DamstraHook().iterate(ListUsers()))
    assert counted == on_both({("ListUsers", "none"): 1})


def test_waits_are_gauged_by_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(Stats, "gauge", lambda *values, tags: said.append((*values, tags)))
    gauge_waiting_tasks(7, damstra_conn_id="mine")
    assert said == [("damstra.waits", 7, {"connection": "mine"})]
