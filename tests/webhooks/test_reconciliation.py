"""Reconciliation: events that no webhook delivered are found by polling and handed to the receiver."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from airflow_provider_damstra.assets import SCHEDULE_CANCELLED, SCHEDULE_CHANGED, SCHEDULE_COMPLETED
from airflow_provider_damstra.conditions.schedule_changes import diff_snapshots
from airflow_provider_damstra.polling import reconciliation
from airflow_provider_damstra.polling.snapshots import SnapshotStore
from airflow_provider_damstra.webhooks import inbox
from tests.polling.helpers import (
    LAST,
    LONG_INTERVAL,
    THIRD,
    cancel,
    other_tasks,
    wait_for_requests,
    wait_until_idle,
)
from tests.triggers.helpers import FakeStateStore, event_trigger, running_trigger
from tests.waiting import wait_until_async
from tests.webhooks.receiver_server import CONN_ID, HOST, USER_ID, ReceiverServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_damstra.testing import DamstraEmulator

OTHER_USER, OTHER_SCHEDULE = 1012, 30041
NOW = datetime.now(UTC)


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
async def reconciling_trigger(store: FakeStateStore, **changes: Any) -> AsyncIterator[None]:
    """Run a reconciling trigger, and wait until its first snapshot is stored."""
    async with running_trigger(event_trigger(reconcile=True, store=store, **changes)) as fired:
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


async def test_batch_in_its_grace_period_does_not_delay_next_batch(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "WEBHOOK_GRACE_PERIOD", LONG_INTERVAL)
    store = FakeStateStore()
    async with reconciling_trigger(store, user_ids=[USER_ID, OTHER_USER]):
        await wait_until_async(lambda: len(store) == 2, "the first snapshots")
        before = dict(store)
        await asyncio.to_thread(emulator.complete_lesson_schedule, THIRD)
        await wait_for_requests(emulator, len(await asyncio.to_thread(emulator.journal)) + 6)
        monkeypatch.setattr(reconciliation, "WEBHOOK_GRACE_PERIOD", 0.0)
        await asyncio.to_thread(emulator.complete_lesson_schedule, OTHER_SCHEDULE)
        await asyncio.to_thread(emulator.cancel_lesson_schedule, LAST)
        await wait_until_async(lambda: len(inbox.list_events()) == 2, "the events of the later batches")
        await wait_until_async(lambda: store != before, "the snapshot of the other user")
        # An event of this user is undelivered, so a restart must find it again.
        assert sum(store[key] == before[key] for key in before) == 1
    async with running_trigger(event_trigger(reconcile=True, store=store)):
        await wait_until_async(lambda: len(inbox.list_events()) == 3, "the event of the first batch")
    assert stored_events() == {
        (SCHEDULE_COMPLETED, THIRD, "polling"),
        (SCHEDULE_COMPLETED, OTHER_SCHEDULE, "polling"),
        (SCHEDULE_CANCELLED, LAST, "polling"),
    }


@pytest.fixture
def log_lines() -> list[str]:
    """Return the lines that a delivery logs."""
    return []


@asynccontextmanager
async def missed_event_delivery(log_lines: list[str]) -> AsyncIterator[reconciliation.MissedEventDelivery]:
    """Yield a delivery, and cancel its tasks at the end."""
    store = SnapshotStore(store=FakeStateStore(), prefix="test", retry_interval=0.0, log=log_lines.append)
    before = other_tasks()
    try:
        yield reconciliation.MissedEventDelivery(
            store,
            damstra_conn_id=CONN_ID,
            retry_interval=0.01,
            log=lambda text, *values: log_lines.append(text % values),
            tasks=cast("asyncio.TaskGroup", asyncio.get_running_loop()),
        )
    finally:
        if tasks := other_tasks() - before:
            await cancel(*tasks)


def missed(schedule_id: int) -> dict[str, Any]:
    """Return a completion as ``diff_snapshots`` does."""
    (event,) = diff_snapshots(
        USER_ID,
        {str(schedule_id): ["open", NOW.isoformat()]},
        {str(schedule_id): ["completed", NOW.isoformat()]},
        observed_at=NOW,
    )
    return event


async def test_number_of_batches_is_bounded(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    monkeypatch.setattr(reconciliation, "WEBHOOK_GRACE_PERIOD", LONG_INTERVAL)
    monkeypatch.setattr(reconciliation, "MAX_BATCHES", 2)
    async with missed_event_delivery(log_lines) as delivery:
        for schedule_id in (THIRD, LAST):
            await delivery.add([missed(schedule_id)], {})
        third = asyncio.create_task(delivery.add([missed(OTHER_SCHEDULE)], {}))
        await wait_until_idle(3)
        assert not third.done()
        await cancel(third)


async def test_unavailable_receiver_is_logged_once_and_again_when_it_responds(
    emulator: DamstraEmulator, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", "http://127.0.0.1:9")
        async with missed_event_delivery(log_lines) as delivery:
            sent: list[int] = []
            send = reconciliation.MissedEventDelivery._send

            async def counted(self: reconciliation.MissedEventDelivery, events: list[dict[str, Any]]) -> None:
                sent.append(len(events))
                await send(self, events)

            patch.setattr(reconciliation.MissedEventDelivery, "_send", counted)
            for schedule_id in (THIRD, LAST):
                await delivery.add([missed(schedule_id)], {})
            await wait_until_async(lambda: len(sent) > 6, "several failed deliveries")
            patch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{receiver.port}")
            await wait_until_async(lambda: any("again" in line for line in log_lines), "the deliveries")
    lines = [line for line in log_lines if "deliver" in line]
    assert [line.partition(":")[0] for line in lines] == [
        "Missed events cannot be delivered to the receiver yet",
        "Missed events are delivered to the receiver again.",
    ]
