"""The receiver as an administrator configures it."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.webhooks import auth, inbox, receiver
from tests.clients.clock import until
from tests.webhooks.conftest import quickly
from tests.webhooks.metadata_db import (
    COMPLETED,
    create_dag,
    list_asset_events,
    wait_for_processed,
)
from tests.webhooks.receiver_server import (
    COMPLETED_ID,
    OPEN_ID,
    USER_ID,
    completed,
    running,
)

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator


def connection_to(emulator: DamstraEmulator) -> dict[str, Any]:
    connection: dict[str, Any] = json.loads(emulator.connection_json)
    return connection


def test_a_secrets_backend_that_hangs_keeps_nobody_from_starting(
    metadata_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, tokens = threading.Event(), list[str]()
    monkeypatch.setattr(receiver, "STARTUP_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(auth, "_load_tokens", lambda _: tokens if answers.wait(10) else [])
    with running(monkeypatch) as served:
        assert served.post(completed()).status == 503
        assert served.post(completed(), served.address(token="wrong")).status == 503
        tokens.append(served.token)
        answers.set()
        until(lambda: served.post(completed()).status == 200, "the token is known")
        assert served.post(completed(), served.address(token="wrong")).status == 404


def test_off_unless_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, webhooks_enabled="False") as served:
        assert served.post(completed()).status == 404
        assert served.feed().status == 404


def test_a_network_that_is_not_allowed_finds_nothing(
    metadata_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(monkeypatch, webhook_networks="203.0.113.0/24") as served:
        assert served.post(completed()).status == 404
        assert served.post(completed(), **{"X-Forwarded-For": "203.0.113.9"}).status == 404
    with running(monkeypatch, webhook_networks="203.0.113.0/24, 127.0.0.0/8") as served:
        assert served.post(completed()).status == 200


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("webhook_networks", "a/b"),
        ("webhook_networks", "203.0.113.9/24"),
        ("webhook_conn_ids", "a/b"),
        ("inbox_retention", "0"),
        ("inbox_retention", "inf"),
        ("verify_patience", "nan"),
    ],
)
def test_a_configuration_that_cannot_be_used_closes_everything(
    option: str,
    value: str,
    metadata_database: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(f"AIRFLOW__DAMSTRA__{option.upper()}", value)
    with running(monkeypatch) as served:
        assert served.post(completed()).status == 404
    assert f"[damstra] {option}" in caplog.text


def test_a_rotated_token_and_the_one_before_are_both_accepted(
    metadata_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    previous = "p" * 43
    valid, over = "2999-01-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"
    old = {"extra": {"webhook_tokens_previous": f"{previous}:{valid} {'o' * 43}:{over}"}}
    with running(monkeypatch, connection=old) as served:
        assert served.post(completed()).status == 200
        assert served.post(completed(), served.address(token=previous)).status == 200
        assert served.post(completed(), served.address(token="o" * 43)).status == 404


def test_what_damstra_shows_late_is_waited_for(
    damstra_emulator: DamstraEmulator, metadata_database: Path
) -> None:
    create_dag()
    with quickly() as patch, running(patch, connection=connection_to(damstra_emulator)) as served:
        served.post(completed(OPEN_ID, USER_ID))
        until(
            lambda: len(damstra_emulator.journal(path=f"/lesson_schedule/{OPEN_ID}")) > 2,
            "it is looked at",
        )
        assert inbox.list_events()[0]["state"] == "waiting"
        damstra_emulator.complete_lesson_schedule(OPEN_ID)
        assert wait_for_processed()[0]["state"] == "confirmed"
    assert len(list_asset_events()) == 1


def test_without_verification_an_event_is_taken_as_it_is(
    damstra_emulator: DamstraEmulator, metadata_database: Path
) -> None:
    create_dag()
    with quickly() as patch, running(patch, verify_events="False") as served:
        served.post(completed(7, USER_ID))
        wait_for_processed()
    assert [event.extra["verified"] for event in list_asset_events()] == [False]
    assert damstra_emulator.journal(path="/lesson_schedule/**") == []


def test_events_that_waited_while_nobody_ran_are_confirmed_after_the_start(
    damstra_emulator: DamstraEmulator, metadata_database: Path
) -> None:
    create_dag()
    event = completed(COMPLETED_ID, USER_ID)
    payload = {
        "name": COMPLETED,
        "time_stamp": event["timeStamp"],
        "lesson_schedule_id": COMPLETED_ID,
        "user_id": USER_ID,
    }
    inbox.insert(conn_id="damstra_default", name=COMPLETED, dedup_key="d", payload=payload, source="webhook")
    inbox.claim(limit=1, lease=timedelta(milliseconds=1))  # by a process that died
    with quickly() as patch, running(patch, connection=connection_to(damstra_emulator)):
        assert wait_for_processed()[0]["state"] == "confirmed"
    assert len(list_asset_events()) == 1
