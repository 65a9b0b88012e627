"""A connection that changes while waits last: they go on with what it says by now."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.testing import DamstraEmulator
from tests.polling.helpers import counting_condition, start_wait, wait_for_requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    from airflow_provider_damstra.conditions.base import PollResult
    from tests.polling.conftest import Connect

CONNECTION = "AIRFLOW_CONN_DAMSTRA_DEFAULT"
NEW_KEY = "the-key-after-the-rotation"


@pytest.fixture(scope="module")
def _other() -> Iterator[DamstraEmulator]:
    with DamstraEmulator(access_key=NEW_KEY) as emulator:
        yield emulator


@pytest.fixture
def other(_other: DamstraEmulator) -> DamstraEmulator:
    """Return another emulator: it is at another address, and knows another key."""
    _other.reset()
    return _other


def refuse_the_key(emulator: DamstraEmulator) -> None:
    """Refuse the key for good, as Damstra does after a rotation."""
    emulator.add_fault("status", status=401, body={"error": "Not authenticated"})


async def statuses(emulator: DamstraEmulator) -> list[int]:
    journal = await asyncio.to_thread(emulator.journal)
    return [entry["status"] for entry in journal]


async def waiting(emulator: DamstraEmulator, count: int = 1) -> list[asyncio.Task[PollResult]]:
    """Let waits begin, each on a user of its own; return them when they have looked once."""
    waits = [start_wait(counting_condition(1011 + one, enough=2), poll_interval=0.3) for one in range(count)]
    await wait_for_requests(emulator, count)
    return waits


@pytest.mark.parametrize("what_fails", ["the key", "the host"])
async def test_waits_go_on_with_what_the_connection_says_by_now(
    emulator: DamstraEmulator,
    other: DamstraEmulator,
    sessions: list[aiohttp.ClientSession],
    monkeypatch: pytest.MonkeyPatch,
    what_fails: str,
) -> None:
    waits = await waiting(emulator, 3)
    monkeypatch.setenv(CONNECTION, other.connection_json)
    if what_fails == "the key":
        refuse_the_key(emulator)
    else:
        emulator.add_fault("drop_before")
    other.complete_lesson_schedule(30040)
    other.complete_lesson_schedule(30041)
    await asyncio.wait_for(wait_for_requests(other, 3), 10)
    assert set(await statuses(other)) == {200}
    assert not any(wait.done() and wait.exception() for wait in waits)
    assert len(sessions) == 2
    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits)
    assert all(session.closed for session in sessions)


@pytest.mark.parametrize(
    "connection",
    [None, "", '{"conn_type": "damstra", "host": "http://elsewhere.example", "password": "x"}'],
    ids=["the same", "gone", "of no use"],
)
async def test_without_another_connection_a_refused_key_ends_the_waits_after_one_request(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch, connection: str | None
) -> None:
    waits = await waiting(emulator, 1)
    if connection is not None:
        monkeypatch.setenv(CONNECTION, connection)
    refuse_the_key(emulator)
    emulator.clear_journal()
    result = await asyncio.wait_for(waits[0], 10)
    assert "HTTP 401" in str(result.failure)
    assert await statuses(emulator) == [401]


async def test_a_new_key_that_is_refused_too_ends_the_waits(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wait,) = await waiting(emulator)
    changed = {**json.loads(emulator.connection_json), "password": NEW_KEY}
    monkeypatch.setenv(CONNECTION, json.dumps(changed))
    refuse_the_key(emulator)
    emulator.clear_journal()
    assert "HTTP 401" in str((await asyncio.wait_for(wait, 10)).failure)
    assert await statuses(emulator) == [401, 401]


async def test_many_refusals_read_the_connection_once(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_damstra.hooks.damstra import DamstraHook

    reads: list[str] = []
    read = DamstraHook.async_settings

    async def counted(self: DamstraHook) -> object:
        reads.append(self.damstra_conn_id)
        return await read(self)

    connect(max_concurrency=16)
    waits = await waiting(emulator, 16)
    monkeypatch.setattr(DamstraHook, "async_settings", counted)
    refuse_the_key(emulator)
    verdicts = await asyncio.wait_for(asyncio.gather(*waits), 10)
    assert all("HTTP 401" in str(result.failure) for result in verdicts)
    assert reads == ["damstra_default"]
