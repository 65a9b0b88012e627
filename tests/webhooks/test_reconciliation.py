"""Polling beside webhooks: only what no webhook brought becomes an event, and nothing is lost meanwhile."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.assets import SCHEDULE_CANCELLED, SCHEDULE_CHANGED, SCHEDULE_COMPLETED
from airflow_provider_damstra.polling import reconciliation as reconciling
from airflow_provider_damstra.webhooks import inbox
from tests.clients.clock import until_in_loop
from tests.polling.helpers import LAST, THIRD, wait_for_requests
from tests.triggers.helpers import FakeStateStore, event_trigger, running_trigger
from tests.webhooks.receiver_server import CONN_ID, HOST, USER_ID, ReceiverServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_damstra.testing import DamstraEmulator
    from airflow_provider_damstra.triggers.event import DamstraEventTrigger


@pytest.fixture
def emulator(
    receiver: ReceiverServer, damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> DamstraEmulator:
    """Return the emulator, with a connection that has the receiver's token."""
    connection = {**json.loads(damstra_emulator.connection_json), "extra": {"webhook_token": receiver.token}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{receiver.port}")
    monkeypatch.setattr(reconciling, "WEBHOOK_GRACE_PERIOD", 0.0)
    return damstra_emulator


@asynccontextmanager
async def reconciled(trigger: DamstraEventTrigger, store: FakeStateStore) -> AsyncIterator[None]:
    """Let a trigger look once before something happens."""
    async with running_trigger(trigger) as fired:
        await until_in_loop(lambda: bool(store), "the first look to be kept")
        yield
        assert fired == []


def taken() -> set[tuple[str, int, str]]:
    """Return what is in the inbox: what happened to which schedule, and who said so."""
    rows = inbox.list_events()
    found = {(row["name"], row["payload"]["lesson_schedule_id"], row["source"]) for row in rows}
    assert len(found) == len(rows)
    return found


async def test_what_the_webhook_brought_is_left_to_it(
    emulator: DamstraEmulator, receiver: ReceiverServer
) -> None:
    store = FakeStateStore()
    async with reconciled(event_trigger(reconcile=True, store=store), store):
        before = dict(store)
        await asyncio.to_thread(emulator.add_webhook, f"http://{HOST}:{receiver.port}{receiver.address()}")
        await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
        await until_in_loop(lambda: bool(inbox.list_events()), "the webhook")
        await until_in_loop(lambda: store != before, "the completion to be seen")
    assert taken() == {(SCHEDULE_COMPLETED, THIRD, "webhook")}


async def test_what_no_webhook_brought_is_handed_over_and_confirmed(emulator: DamstraEmulator) -> None:
    store = FakeStateStore()
    async with reconciled(event_trigger(reconcile=True, store=store), store):
        await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
        later = emulator.now.replace(microsecond=0)
        await asyncio.to_thread(emulator.move_lesson_schedule, LAST, later)
        await until_in_loop(lambda: len(inbox.list_events()) >= 2, "two events")
        await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
        confirmed = (inbox.EventState.CONFIRMED,)
        await until_in_loop(lambda: len(inbox.list_events(states=confirmed)) == 3, "all to be confirmed")
    assert taken() == {
        (SCHEDULE_COMPLETED, THIRD, "polling"),
        (SCHEDULE_CHANGED, LAST, "polling"),
        (SCHEDULE_CANCELLED, LAST, "polling"),
    }
    assert {row["payload"]["user_id"] for row in inbox.list_events()} == {USER_ID}


async def test_while_the_receiver_is_away_what_was_seen_is_not_kept(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, trigger = FakeStateStore(), event_trigger
    async with reconciled(trigger(reconcile=True, store=store), store):
        before = dict(store)
        with monkeypatch.context() as away:
            away.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", "http://127.0.0.1:9")
            await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
            await wait_for_requests(emulator, len(await asyncio.to_thread(emulator.journal)) + 3)
            assert store == before
    # The triggerer is restarted, and the receiver is there again.
    async with running_trigger(event_trigger(reconcile=True, store=store)):
        await until_in_loop(lambda: bool(inbox.list_events()), "what was missed")
    assert taken() == {(SCHEDULE_COMPLETED, THIRD, "polling")}
