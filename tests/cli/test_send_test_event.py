"""A test event on its way, and what is said when it does not arrive."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.tokens import make_token

if TYPE_CHECKING:
    from tests.cli.conftest import Damstra
    from tests.webhooks.serving import Served

VARIABLE = "AIRFLOW_CONN_DAMSTRA_DEFAULT"
SEND = ("send-test-event", "--timeout", "0")


def connect(monkeypatch: pytest.MonkeyPatch, **extra: str) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "damstra", "password": "no-key", "extra": extra}))


def failure(damstra: Damstra, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        damstra(*SEND, *words)
    return str(ended.value.code)


def reach(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", f"http://127.0.0.1:{served.port}/")


def test_it_arrives_in_the_inbox(
    damstra: Damstra, receiver: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reach(receiver, monkeypatch)
    failure(damstra, "--name", "lesson.schedule.created", "--lesson-schedule-id", "7", "--user-id", "1023")
    (row,) = inbox.listed()
    assert (row["name"], row["payload"]["lesson_schedule_id"]) == ("lesson.schedule.created", 7)
    said = capsys.readouterr().out
    assert [line[:4] for line in said.splitlines()] == ["ok  "] * 3
    assert "/damstra/webhooks/damstra_default/***: 200 received" in said
    assert receiver.token not in said


def test_a_token_that_the_receiver_does_not_know_is_told_apart(
    damstra: Damstra, receiver: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(receiver, monkeypatch)
    assert receiver.feed().status == 200  # it has read the connection, and will not for some seconds
    token = make_token()
    connect(monkeypatch, webhook_token=token)
    said = failure(damstra)
    assert "404. Set [damstra] webhooks_enabled" in said
    assert token not in said
    assert inbox.listed() == []


def test_where_nobody_answers_it_says_where_it_asked(
    damstra: Damstra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAMSTRA__RECEIVER_URL", "http://127.0.0.1:9")
    token = make_token()
    connect(monkeypatch, webhook_token=token)
    said = failure(damstra)
    assert "POST http://127.0.0.1:9/damstra/webhooks/damstra_default/***: ConnectionError." in said
    assert token not in said


def test_without_a_token_it_says_how_to_make_one(damstra: Damstra, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch)
    assert "airflow damstra webhook-url --conn-id damstra_default makes one" in failure(damstra)


def test_what_is_no_event_is_not_sent(damstra: Damstra, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, webhook_token=make_token())
    assert "That is no lesson.schedule.completed" in failure(damstra, "--name", "lesson.schedule.completed")
