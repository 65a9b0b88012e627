"""The receiver on a real server: what it stores, and how it responds."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import pytest

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.database import get_engine, metadata
from tests.contract.webhooks import BODIES
from tests.webhooks.receiver_server import ReceiverServer, completed_event


@pytest.mark.parametrize("name", BODIES)
def test_event_is_stored_before_it_is_acknowledged(name: str, receiver: ReceiverServer) -> None:
    response = receiver.post(BODIES[name].encode())
    assert (response.status, response.json) == (200, {"result": "received"})
    (row,) = inbox.list_events()
    assert (row["conn_id"], row["name"], row["source"]) == ("damstra_default", name, "webhook")
    assert row["payload"]["user_id"] == 1023


@pytest.mark.usefixtures("no_reopening")
def test_redelivery_in_other_spelling_is_a_duplicate(receiver: ReceiverServer) -> None:
    event = completed_event()
    other_spelling = {**event, "userID": int(event["userId"]), "lessonScheduleId": 1233}
    del other_spelling["userId"]
    results = [receiver.post(body).json["result"] for body in (event, other_spelling)]
    assert results == ["received", "duplicate"]
    assert len(inbox.list_events()) == 1


def test_event_with_unknown_name_is_stored(receiver: ReceiverServer) -> None:
    assert receiver.post({"name": "lesson.retired", "lessonId": "7"}).status == 200
    (row,) = inbox.list_events()
    assert row["payload"] == {"name": "lesson.retired", "lessonId": "7"}


def test_missing_table_responds_with_503_and_logs_migration_command(
    receiver: ReceiverServer, caplog: pytest.LogCaptureFixture
) -> None:
    metadata.drop_all(get_engine())
    response = receiver.post(completed_event())
    assert (response.status, response.headers["retry-after"]) == (503, "30")
    assert "no table damstra_webhook_inbox" in caplog.text
    assert "Run: airflow db migrate" in caplog.text
    metadata.create_all(get_engine())
    assert receiver.post(completed_event()).status == 200


def test_feed_returns_events_after_cursor_and_repeats_recent_ones(receiver: ReceiverServer) -> None:
    receiver.post(completed_event(schedule=1))
    first = receiver.get_feed().json
    assert first["events"] == []
    receiver.post(completed_event(schedule=2))
    receiver.post({"name": "lesson.retired", "user_id": "x" * 300, "lesson_schedule_id": [1]})
    feed = receiver.get_feed(f"?after={first['cursor']}").json
    # The first event is so recent that a row with a smaller id could still be committed: it is repeated.
    assert [(event["lesson_schedule_id"], event["user_id"]) for event in feed["events"]] == [
        (1, 1023),
        (2, 1023),
        (None, None),
    ]
    assert feed["cursor"] == feed["events"][-1]["id"] > first["cursor"]


def test_feed_does_not_repeat_old_events(receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "FEED_OVERLAP", timedelta(0))
    receiver.post(completed_event())
    cursor = receiver.get_feed("?after=0").json["cursor"]
    assert receiver.get_feed(f"?after={cursor}").json == {"cursor": cursor, "events": []}


@pytest.mark.parametrize("after", ["-1", "x", "", "1e3", "٣", "9" * 19])
def test_feed_rejects_cursor_that_is_not_a_number(after: str, receiver: ReceiverServer) -> None:
    assert receiver.get_feed(f"?after={quote(after)}").status == 400


def test_feed_requires_bearer_token(receiver: ReceiverServer) -> None:
    assert receiver.get_feed(token="wrong").status == 404
    assert receiver.get_feed(conn_id="other").status == 404
    path = "/damstra/feed/damstra_default"
    assert receiver.request("GET", path).status == 404
    assert receiver.request("GET", path, headers={"Authorization": f"Basic {receiver.token}"}).status == 404


def test_values_of_invalid_event_are_not_logged(
    receiver: ReceiverServer, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"name": "user.settings.updated", "userId": "secret-word", "timeStamp": "2026-01-01T00:00:00Z"}
    response = receiver.post(body)
    assert (response.status, response.json) == (400, {"detail": "The body is not a valid event."})
    assert "userId" in caplog.text
    assert "secret-word" not in caplog.text
    assert json.dumps(receiver.token) not in caplog.text
