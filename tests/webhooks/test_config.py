"""The receiver with the options of the section ``[damstra]``."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.webhooks import auth, inbox, receiver
from tests.waiting import wait_until
from tests.webhooks.conftest import short_intervals
from tests.webhooks.metadata_db import COMPLETED, create_dag, list_asset_events, wait_for_processed
from tests.webhooks.receiver_server import COMPLETED_ID, OPEN_ID, USER_ID, completed_event, run_receiver

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

pytestmark = pytest.mark.usefixtures("metadata_database")


def connection_to(emulator: DamstraEmulator) -> dict[str, Any]:
    connection: dict[str, Any] = json.loads(emulator.connection_json)
    return connection


def test_hanging_secrets_backend_does_not_block_start(monkeypatch: pytest.MonkeyPatch) -> None:
    is_available, tokens = threading.Event(), list[str]()
    monkeypatch.setattr(receiver, "STARTUP_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(auth, "_load_secrets", lambda _: (tokens if is_available.wait(10) else [], ""))
    with run_receiver(monkeypatch) as server:
        wrong = server.webhook_path(token="wrong")
        assert server.post(completed_event()).status == 503
        assert server.post(completed_event(), wrong).status == 503
        tokens.append(server.token)
        is_available.set()
        wait_until(lambda: server.post(completed_event()).status == 200, "the token to be loaded")
        assert server.post(completed_event(), wrong).status == 404


def test_disabled_receiver_responds_with_404(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_receiver(monkeypatch, webhooks_enabled="False") as server:
        assert server.post(completed_event()).status == 404
        assert server.get_feed().status == 404


def test_boolean_option_may_be_followed_by_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_receiver(monkeypatch, webhooks_enabled="True  # since May") as server:
        assert server.post(completed_event()).status == 200


def test_request_from_other_network_receives_404(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_receiver(monkeypatch, webhook_networks="203.0.113.0/24") as server:
        assert server.post(completed_event()).status == 404
        assert server.post(completed_event(), **{"X-Forwarded-For": "203.0.113.9"}).status == 404
    with run_receiver(monkeypatch, webhook_networks="203.0.113.0/24, 127.0.0.0/8") as server:
        assert server.post(completed_event()).status == 200


@pytest.mark.parametrize(("trusted", "is_logged"), [("*", True), ("10.0.0.1, *", True), ("10.0.0.1", False)])
def test_networks_with_forged_addresses_are_logged(
    trusted: str, is_logged: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    with run_receiver(monkeypatch, webhook_networks="203.0.113.0/24"):
        assert ("webhook_networks protects nothing" in caplog.text) is is_logged


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("webhook_networks", "a/b"),
        ("webhook_networks", "203.0.113.9/24"),
        ("webhook_conn_ids", "a/b"),
        ("webhooks_enabled", "perhaps"),
        ("verify_events", "perhaps"),
        ("inbox_retention", "0"),
        ("inbox_retention", "inf"),
        ("verify_patience", "nan"),
    ],
)
def test_invalid_option_disables_receiver_and_is_logged(
    option: str, value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {option: value}
    with run_receiver(monkeypatch, **options) as server:
        assert server.post(completed_event()).status == 404
    assert f"[damstra] {option}" in caplog.text


def test_previous_token_is_accepted_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    valid, expired = "p" * 43, "o" * 43
    previous = f"{valid}:2999-01-01T00:00:00+00:00 {expired}:2020-01-01T00:00:00+00:00"
    connection = {"extra": {"webhook_tokens_previous": previous}}
    with run_receiver(monkeypatch, connection=connection) as server:
        assert server.post(completed_event()).status == 200
        assert server.post(completed_event(), server.webhook_path(token=valid)).status == 200
        assert server.post(completed_event(), server.webhook_path(token=expired)).status == 404


def test_event_is_verified_again_until_damstra_shows_it(damstra_emulator: DamstraEmulator) -> None:
    create_dag()
    with (
        short_intervals() as patch,
        run_receiver(patch, connection=connection_to(damstra_emulator)) as server,
    ):
        server.post(completed_event(OPEN_ID, USER_ID))
        path = f"/lesson_schedule/{OPEN_ID}"
        wait_until(lambda: len(damstra_emulator.journal(path=path)) > 2, "some verifications")
        assert inbox.list_events()[0]["state"] == "waiting"
        damstra_emulator.complete_lesson_schedule(OPEN_ID)
        assert wait_for_processed()[0]["state"] == "confirmed"
    assert len(list_asset_events()) == 1


def test_event_is_confirmed_without_requests_if_verification_is_disabled(
    damstra_emulator: DamstraEmulator,
) -> None:
    create_dag()
    with short_intervals() as patch, run_receiver(patch, verify_events="False") as server:
        server.post(completed_event(7, USER_ID))
        wait_for_processed()
    assert [event.extra["verified"] for event in list_asset_events()] == [False]
    assert damstra_emulator.journal(path="/lesson_schedule/**") == []


def test_unknown_event_is_refused_by_default(damstra_emulator: DamstraEmulator) -> None:
    create_dag("all", "all")
    with (
        short_intervals() as patch,
        run_receiver(patch, connection=connection_to(damstra_emulator)) as server,
    ):
        assert server.post({"name": "lesson.retired", "user_id": USER_ID}).status == 200
        (row,) = wait_for_processed()
    assert (row["state"], list_asset_events()) == ("refused", [])
    assert "[damstra] allow_unknown_events" in row["reason"]


def test_unconfirmed_fields_are_in_the_same_place_if_verification_is_disabled() -> None:
    create_dag()
    with short_intervals() as patch, run_receiver(patch, verify_events="False") as server:
        server.post(completed_event(7, USER_ID, passed=True))
        wait_for_processed()
    (event,) = list_asset_events()
    assert event.extra["verified"] is False
    assert event.extra["payload"] == {"name": COMPLETED, "lesson_schedule_id": 7, "user_id": USER_ID}
    assert event.extra["unverified"].keys() == {"time_stamp", "passed"}


def test_event_claimed_by_dead_process_is_confirmed_after_restart(damstra_emulator: DamstraEmulator) -> None:
    create_dag()
    payload = {
        "name": COMPLETED,
        "time_stamp": completed_event()["timeStamp"],
        "lesson_schedule_id": COMPLETED_ID,
        "user_id": USER_ID,
    }
    inbox.insert(conn_id="damstra_default", name=COMPLETED, dedup_key="d", payload=payload, source="webhook")
    inbox.claim(limit=1, lease=timedelta(milliseconds=1))
    with short_intervals() as patch, run_receiver(patch, connection=connection_to(damstra_emulator)):
        assert wait_for_processed()[0]["state"] == "confirmed"
    assert len(list_asset_events()) == 1
