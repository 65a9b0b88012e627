"""Reconciliation: events that no webhook delivered are found by polling and handed to the receiver."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.assets import SCHEDULE_CANCELLED, SCHEDULE_CHANGED, SCHEDULE_COMPLETED
from airflow_provider_damstra.polling import reconciliation
from airflow_provider_damstra.webhooks import inbox
from tests.polling.helpers import LAST, THIRD, wait_for_requests
from tests.triggers.helpers import FakeStateStore, event_trigger, running_trigger
from tests.waiting import wait_until_async
from tests.webhooks.receiver_server import CONN_ID, HOST, USER_ID, ReceiverServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_damstra.testing import DamstraEmulator


@pytest.fixture
def emulator(
    receiver: ReceiverServer, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> DamstraEmulator:
    """Return the emulator, with a connection that has the receiver's token."""
    connection = {**json.loads(damstra_emulator.connection_json), "extra": {"webhook_token": receiver.token}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{receiver.port}")
    monkeypatch.setattr(reconciliation, "WEBHOOK_GRACE_PERIOD", 0.0)
    return damstra_emulator


@asynccontextmanager
async def reconciling_trigger(store: FakeStateStore) -> AsyncIterator[None]:
    """Run a reconciling trigger, and wait until its first snapshot is stored."""
    async with running_trigger(event_trigger(reconcile=True, store=store)) as fired:
        await wait_until_async(lambda: bool(store), "the first snapshot")
        yield
        assert fired == []


def stored_events() -> set[tuple[str, int, str]]:
    """Return name, schedule id and source of the events in the inbox, which are all different."""
    rows = inbox.list_events()
    events = {(row["name"], row["payload"]["lesson_schedule_id"], row["source"]) for row in rows}
    assert len(events) == len(rows)
    return events


async def test_event_delivered_by_webhook_is_not_handed_over_again(
    emulator: DamstraEmulator, receiver: ReceiverServer
) -> None:
    store = FakeStateStore()
    async with reconciling_trigger(store):
        before = dict(store)
        await asyncio.to_thread(emulator.add_webhook, receiver.webhook_url)
        await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
        await wait_until_async(lambda: bool(inbox.list_events()), "the webhook")
        await wait_until_async(lambda: store != before, "the snapshot of the completion")
    assert stored_events() == {(SCHEDULE_COMPLETED, THIRD, "webhook")}


async def test_event_without_webhook_is_handed_over_and_confirmed(emulator: DamstraEmulator) -> None:
    store = FakeStateStore()
    async with reconciling_trigger(store):
        await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
        later = emulator.now.replace(microsecond=0)
        await asyncio.to_thread(emulator.move_lesson_schedule, LAST, later)
        await wait_until_async(lambda: len(inbox.list_events()) >= 2, "two events")
        await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
        confirmed = (inbox.EventState.CONFIRMED,)
        await wait_until_async(
            lambda: len(inbox.list_events(states=confirmed)) == 3, "all events to be confirmed"
        )
    assert stored_events() == {
        (SCHEDULE_COMPLETED, THIRD, "polling"),
        (SCHEDULE_CHANGED, LAST, "polling"),
        (SCHEDULE_CANCELLED, LAST, "polling"),
    }
    assert {row["payload"]["user_id"] for row in inbox.list_events()} == {USER_ID}


async def test_snapshot_is_not_stored_while_receiver_is_unavailable(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FakeStateStore()
    async with reconciling_trigger(store):
        before = dict(store)
        with monkeypatch.context() as patch:
            patch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", "http://127.0.0.1:9")
            await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
            await wait_for_requests(emulator, len(await asyncio.to_thread(emulator.journal)) + 3)
            assert store == before
    # The triggerer is restarted, and the receiver is available again.
    async with running_trigger(event_trigger(reconcile=True, store=store)):
        await wait_until_async(lambda: bool(inbox.list_events()), "the missed event")
    assert stored_events() == {(SCHEDULE_COMPLETED, THIRD, "polling")}
