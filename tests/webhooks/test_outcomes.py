"""When patience is over, when an event is given up, and what no database stores."""

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
from airflow_provider_damstra.webhooks.db.manager import inbox_table as table
from airflow_provider_damstra.webhooks.db.transactions import transaction
from tests.webhooks.metadata_db import create_dag, list_asset_events, wait_for_processed
from tests.webhooks.receiver_server import (
    COMPLETED_ID,
    OPEN_ID,
    USER_ID,
    ReceiverServer,
    completed,
)

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator

PATIENCE = timedelta(seconds=120)


def keep() -> None:
    inbox.insert(conn_id="c", name="user.settings.updated", dedup_key="d", payload={}, source="webhook")


def claimed() -> inbox.Row:
    """Return the event, whose time has come."""
    with transaction() as connection:
        connection.execute(update(table).values(next_attempt_at=datetime.now(UTC)))
    (row,) = inbox.claim(limit=1, lease=timedelta(0))
    return row


def looked_at(*, until_refused_after: int) -> list[float]:
    """Let looks contradict the event until it is refused; return the pauses between them in seconds."""
    pauses = []
    for _ in range(until_refused_after):
        outcomes.retry_unverified(claimed(), "not there", patience=PATIENCE)
        (row,) = inbox.list_events()
        assert row["state"] == "waiting"
        pauses.append((row["next_attempt_at"] - datetime.now(UTC)).total_seconds())
    outcomes.retry_unverified(claimed(), "not there", patience=PATIENCE)
    assert inbox.list_events()[0]["state"] == "refused"
    return pauses


def test_patience_is_the_pauses_between_looks(metadata_database: Path) -> None:
    keep()
    assert looked_at(until_refused_after=7) == pytest.approx([1, 2, 4, 8, 16, 32, 57], abs=0.9)


def test_an_outage_spends_no_patience(metadata_database: Path) -> None:
    keep()
    outcomes.retry_unverified(claimed(), "not there", patience=PATIENCE)
    outcomes.retry_later(claimed(), "Damstra is down")
    with transaction() as connection:
        connection.execute(update(table).values(waiting_since=datetime.now(UTC) - timedelta(hours=5)))
    assert looked_at(until_refused_after=6) == pytest.approx([2, 4, 8, 16, 32, 57], abs=0.9)


def test_delivered_again_it_is_looked_at_with_new_patience(metadata_database: Path) -> None:
    keep()
    for _ in range(2):
        looked_at(until_refused_after=7)
        keep()


def test_a_look_that_takes_too_long_is_an_attempt(
    damstra_emulator: DamstraEmulator, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(event: Any, _: object) -> None:
        if event.lesson_schedule_id == OPEN_ID:
            await asyncio.Event().wait()

    monkeypatch.setattr(processor, "find_mismatch", endless)
    monkeypatch.setattr(processor, "VERIFICATION_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(outcomes, "MAX_RETRY_AGE", timedelta(seconds=0.3))
    receiver.post(completed(OPEN_ID, USER_ID))
    receiver.post(completed(COMPLETED_ID, USER_ID))
    rows = {row["payload"]["lesson_schedule_id"]: row for row in wait_for_processed(2)}
    assert rows[COMPLETED_ID]["state"] == "confirmed"
    assert rows[OPEN_ID]["state"] == "refused"
    assert "Damstra took longer than" in rows[OPEN_ID]["reason"]
    assert rows[OPEN_ID]["attempts"] > 1


def test_a_secrets_backend_that_hangs_is_an_attempt_and_keeps_no_other_waiting(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(processor, "load_settings", lambda _: answers.wait(10))
    monkeypatch.setattr(processor, "BATCH_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(outcomes, "MAX_RETRY_AGE", timedelta(seconds=0.5))
    try:
        receiver.post(completed(COMPLETED_ID, USER_ID))
        assert "see whether the secrets backend" in wait_for_processed()[0]["reason"]
        receiver.post({"name": "lesson.retired"})
        assert wait_for_processed(2)[0]["state"] == "confirmed"
    finally:
        answers.set()


def test_what_killed_every_process_is_given_up(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "MAX_ATTEMPTS", 0)
    monkeypatch.setattr(outcomes, "MAX_RETRY_AGE", timedelta(0))
    receiver.post(completed(COMPLETED_ID, USER_ID))
    (row,) = wait_for_processed()
    assert row["state"] == "refused"
    assert "look for crashes in the API servers' logs" in row["reason"]


def test_what_the_database_does_not_take_is_refused_at_once(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_dag("all", "all")

    def store(name: str, **how: Any) -> Any:
        if name == "lesson.retired":
            raise DataError("INSERT", {}, Exception("value too long"))
        return register_asset_events(name, **how)

    with monkeypatch.context() as patch:
        patch.setattr(outcomes, "register_asset_events", store)
        for name in ("lesson.retired", "lesson.found"):
            receiver.post({"name": name})
        found, retired = wait_for_processed(2)
    assert (found["state"], retired["state"], retired["attempts"]) == ("confirmed", "refused", 1)
    assert "it is malformed" in retired["reason"]
    assert caplog.text.count(f"refused event {retired['id']} ") == 1
    assert len(list_asset_events()) == 1


def test_what_can_never_be_kept_is_not_asked_for_again(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def keep(*_: object, **__: object) -> None:
        with transaction():
            raise DataError("INSERT", {}, Exception("value too long"))

    monkeypatch.setattr(receiver_module, "insert_event", keep)
    answer = receiver.post(completed())
    assert (answer.status, answer.json) == (400, {"detail": "The body is no event."})
    assert "is no event: Airflow's metadata database does not take it: value too long" in caplog.text


def test_a_stranger_writes_no_line_of_the_log() -> None:
    payload = {"user_id": "\nERROR", "lesson_schedule_id": 7}
    row = {"id": 1, "conn_id": "c", "name": "x\nERROR", "payload": payload}
    assert outcomes.describe(row) == "event 1 of connection 'c' ('x\\nERROR', lesson_schedule_id 7)"
