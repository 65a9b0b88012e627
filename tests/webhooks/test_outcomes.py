"""Outcomes of events: retries with backoff, patience, time limits, and values that cannot be stored."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DataError

from airflow_provider_damstra.webhooks import inbox, outcomes, processor
from airflow_provider_damstra.webhooks import receiver as receiver_module
from airflow_provider_damstra.webhooks.asset_events import register_asset_events
from airflow_provider_damstra.webhooks.database import inbox_table as table
from airflow_provider_damstra.webhooks.database import transaction
from tests.waiting import wait_until
from tests.webhooks.metadata_db import create_dag, list_asset_events, wait_for_processed
from tests.webhooks.receiver_server import COMPLETED_ID, OPEN_ID, USER_ID, ReceiverServer, completed_event

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = timedelta(seconds=120)


def insert_event() -> None:
    inbox.insert(conn_id="c", name="user.settings.updated", dedup_key="d", payload={}, source="webhook")


def claim_event() -> inbox.InboxRow:
    """Make the event due, and claim it."""
    with transaction() as connection:
        connection.execute(update(table).values(next_attempt_at=datetime.now(UTC)))
    (row,) = inbox.claim(limit=1, lease=timedelta(0))
    return row


def retry_delays(*, count: int) -> list[float]:
    """Retry the event as unverified until it is refused after `count` retries; return the delays (s)."""
    delays = []
    for _ in range(count):
        outcomes.retry_unverified(claim_event(), "not there", patience=PATIENCE)
        (row,) = inbox.list_events()
        assert row["state"] == "waiting"
        delays.append((row["next_attempt_at"] - datetime.now(UTC)).total_seconds())
    outcomes.retry_unverified(claim_event(), "not there", patience=PATIENCE)
    assert inbox.list_events()[0]["state"] == "refused"
    return delays


@pytest.mark.usefixtures("metadata_database")
def test_unverified_event_is_refused_when_delays_reach_patience() -> None:
    insert_event()
    assert retry_delays(count=7) == pytest.approx([1, 2, 4, 8, 16, 32, 57], abs=0.9)


@pytest.mark.usefixtures("metadata_database")
def test_outage_does_not_count_toward_patience() -> None:
    insert_event()
    outcomes.retry_unverified(claim_event(), "not there", patience=PATIENCE)
    outcomes.retry_later(claim_event(), "Damstra is down")
    with transaction() as connection:
        connection.execute(update(table).values(waiting_since=datetime.now(UTC) - timedelta(hours=5)))
    assert retry_delays(count=6) == pytest.approx([2, 4, 8, 16, 32, 57], abs=0.9)


@pytest.mark.usefixtures("metadata_database")
def test_reopened_event_has_full_patience() -> None:
    insert_event()
    for _ in range(2):
        retry_delays(count=7)
        insert_event()


def test_verification_timeout_counts_as_attempt(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(event: Any, _: object) -> frozenset[str]:
        if event.lesson_schedule_id == OPEN_ID:
            await asyncio.Event().wait()
        return frozenset({"name"})

    monkeypatch.setattr(processor, "verify", hang)
    monkeypatch.setattr(processor, "VERIFICATION_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(outcomes, "MAX_RETRY_AGE", timedelta(seconds=0.3))
    receiver.post(completed_event(OPEN_ID, USER_ID))
    receiver.post(completed_event(COMPLETED_ID, USER_ID))
    rows = {row["payload"]["lesson_schedule_id"]: row for row in wait_for_processed(2)}
    assert rows[COMPLETED_ID]["state"] == "confirmed"
    assert rows[OPEN_ID]["state"] == "refused"
    assert "Damstra took longer than" in rows[OPEN_ID]["reason"]
    assert rows[OPEN_ID]["attempts"] > 1


def test_hanging_secrets_backend_counts_as_attempt_and_does_not_delay_other_events(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_available = threading.Event()
    monkeypatch.setattr(processor, "load_settings", lambda _: is_available.wait(10))
    monkeypatch.setattr(processor, "BATCH_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(outcomes, "MAX_RETRY_AGE", timedelta(seconds=0.5))
    try:
        receiver.post(completed_event(COMPLETED_ID, USER_ID))
        assert "check whether the secrets backend" in wait_for_processed()[0]["reason"]
        receiver.post({"name": "lesson.retired"})
        assert wait_for_processed(2)[0]["state"] == "confirmed"
    finally:
        is_available.set()


def test_failure_to_record_a_timeout_does_not_stop_the_worker(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def time_out(*_: object) -> None:
        raise TimeoutError

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("cannot be recorded")

    with monkeypatch.context() as patch:
        patch.setattr(processor.EventProcessor, "process", time_out)
        patch.setattr(outcomes, "retry_later", fail)
        receiver.post(completed_event(COMPLETED_ID, USER_ID))
        wait_until(lambda: "cannot be recorded" in caplog.text, "the failure to be logged")
    receiver.post({"name": "lesson.retired"})
    assert wait_for_processed()[0]["name"] == "lesson.retired"


def test_event_is_refused_after_maximum_attempts_without_outcome(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "MAX_ATTEMPTS", 0)
    monkeypatch.setattr(outcomes, "MAX_RETRY_AGE", timedelta(0))
    receiver.post(completed_event(COMPLETED_ID, USER_ID))
    (row,) = wait_for_processed()
    assert row["state"] == "refused"
    assert "check the API servers' logs for crashes" in row["reason"]


def test_event_with_unstorable_values_is_refused_immediately(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_dag("all", "all")

    def register_or_fail(uris: Sequence[str], **arguments: Any) -> Any:
        if arguments["extra"]["payload"]["name"] == "lesson.retired":
            raise DataError("INSERT", {}, Exception("value too long"))
        return register_asset_events(uris, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(outcomes, "register_asset_events", register_or_fail)
        for name in ("lesson.retired", "lesson.found"):
            receiver.post({"name": name})
        found, retired = wait_for_processed(2)
    assert (found["state"], retired["state"], retired["attempts"]) == ("confirmed", "refused", 1)
    assert "it is malformed" in retired["reason"]
    assert caplog.text.count(f"refused event {retired['id']} ") == 1
    assert len(list_asset_events()) == 1


def test_unstorable_event_is_rejected_with_400(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        with transaction():
            raise DataError("INSERT", {}, Exception("value too long"))

    monkeypatch.setattr(receiver_module, "insert_event", fail)
    response = receiver.post(completed_event())
    assert (response.status, response.json) == (400, {"detail": "The body is not a valid event."})
    assert "invalid event: Airflow's metadata database rejects it: value too long" in caplog.text


def test_description_of_event_cannot_forge_log_lines() -> None:
    payload = {"user_id": "\nERROR", "lesson_schedule_id": 7}
    row = {"id": 1, "conn_id": "c", "name": "x\nERROR", "payload": payload}
    assert outcomes.describe(row) == "event 1 of connection 'c' ('x\\nERROR', lesson_schedule_id 7)"
