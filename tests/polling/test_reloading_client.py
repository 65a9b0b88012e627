"""Subscriptions continue with the new settings when their connection changes."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.polling import client
from airflow_provider_damstra.testing import DamstraEmulator
from tests.polling.helpers import LogRecorder, cancel, recording, start_polling, wait_for_requests
from tests.sensors.secrets_backends import FailingBackend
from tests.waiting import wait_until_async

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
    """Return another emulator, with another address and access key."""
    _other.reset()
    return _other


def refuse_key(emulator: DamstraEmulator) -> None:
    """Refuse the access key from now on, as Damstra does after a rotation."""
    emulator.add_fault("status", status=401, body={"error": "Not authenticated"})


async def statuses(emulator: DamstraEmulator) -> list[int]:
    journal = await asyncio.to_thread(emulator.journal)
    return [entry["status"] for entry in journal]


async def polling_tasks(emulator: DamstraEmulator, count: int = 1) -> list[asyncio.Task[PollResult]]:
    """Return tasks that poll, each for another user, after the first poll of each."""
    tasks = [start_polling(recording(1011 + one, done_after=2), poll_interval=0.3) for one in range(count)]
    await wait_for_requests(emulator, count)
    return tasks


@pytest.mark.parametrize("change", ["key", "host"])
async def test_polling_continues_with_changed_connection(
    emulator: DamstraEmulator,
    other: DamstraEmulator,
    sessions: list[aiohttp.ClientSession],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    tasks = await polling_tasks(emulator, 3)
    monkeypatch.setenv(CONNECTION, other.connection_json)
    if change == "key":
        refuse_key(emulator)
    else:
        emulator.add_fault("drop_before")
    other.complete_lesson_schedule(30040)
    other.complete_lesson_schedule(30041)
    await asyncio.wait_for(wait_for_requests(other, 3), 10)
    assert set(await statuses(other)) == {200}
    assert not any(task.done() and task.exception() for task in tasks)
    assert len(sessions) == 2
    await cancel(*tasks)
    assert all(session.closed for session in sessions)


@pytest.mark.parametrize(
    "connection",
    [None, "", '{"conn_type": "damstra", "host": "http://elsewhere.example", "password": "x"}'],
    ids=["unchanged", "deleted", "invalid"],
)
async def test_refused_key_without_new_connection_fails_after_one_request(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch, connection: str | None
) -> None:
    tasks = await polling_tasks(emulator, 1)
    if connection is not None:
        monkeypatch.setenv(CONNECTION, connection)
    refuse_key(emulator)
    emulator.clear_journal()
    result = await asyncio.wait_for(tasks[0], 10)
    assert "HTTP 401" in str(result.failure)
    assert await statuses(emulator) == [401]


async def test_refused_new_key_fails(emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = await polling_tasks(emulator)
    changed = {**json.loads(emulator.connection_json), "password": NEW_KEY}
    monkeypatch.setenv(CONNECTION, json.dumps(changed))
    refuse_key(emulator)
    emulator.clear_journal()
    assert "HTTP 401" in str((await asyncio.wait_for(task, 10)).failure)
    assert await statuses(emulator) == [401, 401]


async def test_concurrent_refusals_reload_connection_once(
    emulator: DamstraEmulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_damstra.hooks.damstra import DamstraHook

    reads: list[str] = []
    read = DamstraHook.async_settings

    async def counted(self: DamstraHook) -> object:
        reads.append(self.damstra_conn_id)
        return await read(self)

    connect(max_concurrency=16)
    tasks = await polling_tasks(emulator, 16)
    monkeypatch.setattr(DamstraHook, "async_settings", counted)
    refuse_key(emulator)
    results = await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert all("HTTP 401" in str(result.failure) for result in results)
    assert reads == ["damstra_default"]


async def test_unreadable_connection_is_read_once_for_all_subscriptions(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MIN_RELOAD_INTERVAL", 3600.0)
    backend = FailingBackend(emulator.connection_json, failures=math.inf)
    backend.install(monkeypatch)
    logs = [LogRecorder() for _ in range(20)]
    tasks = [
        start_polling(recording(1011 + one), log=log, max_poll_failures=50, poll_interval=0.05)
        for one, log in enumerate(logs)
    ]
    await wait_until_async(lambda: all(log.failures for log in logs), "a failed poll of each subscription")
    # The lookup of Airflow, and the one that finds the reason.
    assert backend.lookups == 2
    monkeypatch.setattr(client, "MIN_RELOAD_INTERVAL", 0.0)
    backend.failures = 0
    assert all(result.is_met for result in await asyncio.wait_for(asyncio.gather(*tasks), 10))
