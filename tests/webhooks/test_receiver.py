"""The receiver on a real server: what it keeps, what it answers."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import pytest

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.db.manager import get_engine, metadata
from tests.contract.webhooks import BODIES
from tests.webhooks.receiver_server import ReceiverServer, completed


@pytest.mark.parametrize("name", BODIES)
def test_an_event_is_kept_before_it_is_answered(name: str, receiver: ReceiverServer) -> None:
    answer = receiver.post(BODIES[name].encode())
    assert (answer.status, answer.json) == (200, {"result": "received"})
    (row,) = inbox.list_events()
    assert (row["conn_id"], row["name"], row["source"]) == ("damstra_default", name, "webhook")
    assert row["payload"]["user_id"] == 1023


@pytest.mark.usefixtures("refused_for_good")
def test_a_delivery_again_is_answered_and_not_kept_again(receiver: ReceiverServer) -> None:
    event = completed()
    spelled_otherwise = {**event, "userID": int(event.pop("userId")), "lessonScheduleId": 1233}
    answers = [receiver.post(body) for body in (completed() | event | {"userId": "1023"}, spelled_otherwise)]
    assert [answer.json["result"] for answer in answers] == ["received", "duplicate"]
    assert len(inbox.list_events()) == 1


def test_an_event_of_an_unknown_name_is_kept(receiver: ReceiverServer) -> None:
    assert receiver.post({"name": "lesson.retired", "lessonId": "7"}).status == 200
    (row,) = inbox.list_events()
    assert row["payload"] == {"name": "lesson.retired", "lessonId": "7"}


def test_without_the_table_the_sender_is_to_try_again(
    receiver: ReceiverServer, caplog: pytest.LogCaptureFixture
) -> None:
    metadata.drop_all(get_engine())
    answer = receiver.post(completed())
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert "no table damstra_webhook_inbox" in caplog.text
    assert "Run: airflow db migrate" in caplog.text
    metadata.create_all(get_engine())
    assert receiver.post(completed()).status == 200


def test_the_feed_tells_who_follows_it_what_came(receiver: ReceiverServer) -> None:
    receiver.post(completed(schedule=1))
    first = receiver.feed().json
    assert first["events"] == []
    receiver.post(completed(schedule=2))
    receiver.post({"name": "lesson.retired", "user_id": "x" * 300, "lesson_schedule_id": [1]})
    answer = receiver.feed(f"?after={first['cursor']}").json
    # The first one is so young that a row with a smaller id could still appear: it is there again.
    assert [(event["lesson_schedule_id"], event["user_id"]) for event in answer["events"]] == [
        (1, 1023),
        (2, 1023),
        (None, None),
    ]
    assert answer["cursor"] == answer["events"][-1]["id"] > first["cursor"]


def test_the_feed_does_not_repeat_what_is_old(
    receiver: ReceiverServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "FEED_OVERLAP", timedelta(0))
    receiver.post(completed())
    cursor = receiver.feed("?after=0").json["cursor"]
    assert receiver.feed(f"?after={cursor}").json == {"cursor": cursor, "events": []}


@pytest.mark.parametrize("after", ["-1", "x", "", "1e3", "٣", "9" * 19])
def test_a_cursor_is_a_number(after: str, receiver: ReceiverServer) -> None:
    assert receiver.feed(f"?after={quote(after)}").status == 400


def test_a_feed_wants_the_token(receiver: ReceiverServer) -> None:
    assert receiver.feed(token="wrong").status == 404
    assert receiver.feed(conn_id="other").status == 404
    assert receiver.ask("GET", "/damstra/feed/damstra_default").status == 404
    basic = {"Authorization": f"Basic {receiver.token}"}
    assert receiver.ask("GET", "/damstra/feed/damstra_default", headers=basic).status == 404


def test_an_events_words_are_not_in_the_log(
    receiver: ReceiverServer, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"name": "user.settings.updated", "userId": "secret-word", "timeStamp": "2026-01-01T00:00:00Z"}
    answer = receiver.post(body)
    assert (answer.status, answer.json) == (400, {"detail": "The body is no event."})
    assert "userId" in caplog.text
    assert "secret-word" not in caplog.text
    assert json.dumps(receiver.token) not in caplog.text
