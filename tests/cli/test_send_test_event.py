"""A test event on its way, and what is said when it does not arrive."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.auth import generate_token
from tests.webhooks.metadata_db import COMPLETED, create_dag, list_asset_events
from tests.webhooks.receiver_server import COMPLETED_ID, HOST, OPEN_ID, USER_ID

if TYPE_CHECKING:
    from tests.cli.conftest import Damstra
    from tests.webhooks.receiver_server import ReceiverServer

VARIABLE = "AIRFLOW_CONN_DAMSTRA_DEFAULT"
SEND = ("send-test-event", "--timeout", "0")


def connect(monkeypatch: pytest.MonkeyPatch, **extra: str) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "damstra", "password": "no-key", "extra": extra}))


def failure(damstra: Damstra, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        damstra(*SEND, *words)
    return str(ended.value.code)


def reach(served: ReceiverServer, monkeypatch: pytest.MonkeyPatch, token: str | None = None) -> None:
    """Configure a connection to the emulator, and the receiver's address."""
    connection = json.loads(os.environ[VARIABLE])
    extra = {"webhook_token": served.token if token is None else token}
    monkeypatch.setenv(VARIABLE, json.dumps({**connection, "extra": extra}))
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://{HOST}:{served.port}/")


def test_it_becomes_an_asset_event(
    damstra: Damstra, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(receiver, monkeypatch)
    create_dag("everything", "all")
    said, _ = damstra("send-test-event")
    assert [line[:4] for line in said.splitlines()] == ["ok  "] * 5
    assert f"http://{HOST}:{receiver.port}/damstra/webhooks/damstra_default/***: 200 received" in said
    assert "event 1 is in the inbox" in said
    assert said.endswith("ok  asset damstra://damstra_default/all is updated\n")
    assert receiver.token not in said
    (event,) = list_asset_events()
    assert event.extra["payload"]["name"] == "airflow.test"


def test_an_event_that_damstra_knows_is_verified(
    damstra: Damstra, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(receiver, monkeypatch)
    ids = ("--lesson-schedule-id", str(COMPLETED_ID), "--user-id", str(USER_ID))
    said, _ = damstra("send-test-event", "--name", COMPLETED, *ids)
    assert f"asset damstra://damstra_default/{COMPLETED} is used by no DAG: nothing to update" in said


def test_it_says_why_an_event_was_refused(
    damstra: Damstra, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(receiver, monkeypatch)
    ids = ("--lesson-schedule-id", str(OPEN_ID), "--user-id", str(USER_ID))
    said = failure(damstra, "--name", COMPLETED, "--timeout", "30", *ids)
    assert said == "Event 1 is refused: the schedule is not completed"


def test_a_token_that_the_receiver_does_not_know_is_told_apart(
    damstra: Damstra, receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = generate_token()
    reach(receiver, monkeypatch, token)
    said = failure(damstra)
    assert "404. Set [damstra] webhooks_enabled" in said
    assert token not in said
    assert inbox.list_events() == []


def test_where_nobody_answers_it_says_where_it_asked(
    damstra: Damstra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", "http://127.0.0.1:9")
    token = generate_token()
    connect(monkeypatch, webhook_token=token)
    said = failure(damstra)
    assert "POST http://127.0.0.1:9/damstra/webhooks/damstra_default/***: ConnectionError." in said
    assert token not in said


def test_without_a_token_it_says_how_to_make_one(damstra: Damstra, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch)
    assert "airflow damstra webhook-url --conn-id damstra_default makes one" in failure(damstra)


def test_what_is_no_event_is_not_sent(damstra: Damstra, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, webhook_token=generate_token())
    assert "That is no lesson.schedule.completed" in failure(damstra, "--name", COMPLETED)
