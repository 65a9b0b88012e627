"""Webhooks: bodies of the seven events, their order, and failing receivers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_damstra.emulator.webhooks import Delivery
from tests.emulator.api_client import (
    CONFINED_SPACE_LESSON,
    DATA_IMPORT,
    HAUL_TRUCK,
    OWNER,
    RUNNING_SESSION,
    TRAINEES,
    ApiClient,
    call_control_plane,
)
from tests.serving import serve_in_thread
from tests.waiting import wait_until

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

LIAM = TRAINEES[0]
Statuses = Callable[[dict[str, Any]], int]


class Receiver(ThreadingHTTPServer):
    """Records events and responds with the status that ``statuses`` returns for each; by default 200."""

    def __init__(self, statuses: Statuses | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = statuses or (lambda body: 200)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """The URL of the receiver."""
        return f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def names(self) -> list[str]:
        """The names of the events received so far."""
        return [body["name"] for body in self.bodies]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        self.server.headers.append(dict(self.headers))
        self.send_response(self.server.statuses(body))
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""


@contextmanager
def running_receiver(statuses: Statuses | None = None) -> Iterator[Receiver]:
    with serve_in_thread(Receiver(statuses)) as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as server:
        yield server


def wait_for_deliveries(emulator: DamstraEmulator, count: int) -> list[dict[str, Any]]:
    """Wait until there are ``count`` deliveries and none is pending, and return them."""

    def are_finished() -> bool:
        return [one["state"] != "pending" for one in emulator.deliveries()] == [True] * count

    wait_until(are_finished, "no delivery is pending")
    return emulator.deliveries()


def test_event_is_delivered_without_proxy_of_environment(
    emulator: DamstraEmulator, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    emulator.add_webhook(receiver.url)
    emulator.cancel_lesson_schedule(30006)
    assert [delivery["state"] for delivery in wait_for_deliveries(emulator, 1)] == ["delivered"]


def test_events_have_documented_fields_and_types(
    api: ApiClient, emulator: DamstraEmulator, receiver: Receiver
) -> None:
    emulator.add_webhook(receiver.url)
    start = emulator.now + timedelta(days=3)
    user_id = api.send("/user", firstName="Ann", lastName="Lee").json()["id"]
    api.send("/bulkUserImport", users=[{"userName": "a.lee", "phoneNumber": "1"}], mergeType="userName")
    schedule_id = api.schedule(user_id, HAUL_TRUCK)
    emulator.move_lesson_schedule(schedule_id, start)
    emulator.cancel_lesson_schedule(schedule_id)
    second_id = api.schedule(user_id, HAUL_TRUCK)
    emulator.complete_lesson_schedule(second_id)
    api.send(f"/user/{user_id}/inactivate")
    wait_for_deliveries(emulator, 8)
    for body in receiver.bodies:
        assert len(body.pop("timeStamp")) == len("2017-01-16T01:33:27.012Z")
    moved = f"{start:%Y-%m-%dT%H:%M:%S}.{start.microsecond // 1000:03d}Z"
    user, schedule, second = str(user_id), str(schedule_id), str(second_id)
    reason = "SCHEDULE_CANCELLED_MANUALLY"
    assert receiver.bodies == [
        {
            "name": "user.account.created",
            "firstName": "Ann",
            "lastName": "Lee",
            "userName": "a.lee",
            "userId": user,
        },
        {"name": "user.settings.updated", "userId": user, "actingUserId": str(OWNER)},
        {"name": "lesson.schedule.created", "lessonScheduleId": schedule, "userID": user},
        {
            "name": "lesson.schedule.changed",
            "scheduleDate": moved,
            "lessonScheduleId": schedule,
            "userID": user,
        },
        {
            "name": "lesson.schedule.cancelled",
            "lessonScheduleId": schedule,
            "userID": user,
            "cancellationReason": reason,
        },
        {"name": "lesson.schedule.created", "lessonScheduleId": second, "userID": user},
        {"name": "lesson.schedule.completed", "lessonScheduleId": second, "userId": user},
        {"name": "user.account.inactivate", "userName": "a.lee", "userId": user},
    ]
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_webhook_receives_only_subscribed_event(
    api: ApiClient, emulator: DamstraEmulator, receiver: Receiver
) -> None:
    emulator.add_webhook(receiver.url, event="lesson.schedule.completed")
    body = {"completedDate": "2026-01-31T09:00:00+0800", "manuallyCompletedByUserId": DATA_IMPORT}
    api.send(f"/lesson_schedule/{LIAM}/complete_lesson", lessonId=CONFINED_SPACE_LESSON, **body)
    wait_for_deliveries(emulator, 1)
    assert receiver.names == ["lesson.schedule.completed"]


def test_completing_session_sends_event_per_schedule(
    api: ApiClient, emulator: DamstraEmulator, receiver: Receiver
) -> None:
    emulator.add_webhook(receiver.url)
    rows = api.get_json(f"/ilt_session/{RUNNING_SESSION}/attendees")["results"][:2]
    progress = [{"id": row["id"], "passed": True} for row in rows]
    api.send(f"/ilt_session/{RUNNING_SESSION}/save_progress", attendees=progress)
    api.send(f"/ilt_session/{RUNNING_SESSION}/complete")
    wait_for_deliveries(emulator, 2)
    assert [body["lessonScheduleId"] for body in receiver.bodies] == [
        str(row["lessonScheduleId"]) for row in rows
    ]


def test_unchanged_or_rejected_request_sends_no_event(
    api: ApiClient, emulator: DamstraEmulator, receiver: Receiver
) -> None:
    emulator.add_webhook(receiver.url)
    api.send(f"/user/{OWNER}/activate")
    api.expect_error("POST", "/bulkUserImport", 409, users=[{"firstName": "New"}, {"userName": "m.kelly"}])
    assert emulator.deliveries() == []


def test_retries_keep_order_of_events(api: ApiClient, emulator: DamstraEmulator) -> None:
    failures = iter([500, 302])
    with running_receiver(lambda body: next(failures, 200)) as receiver:
        emulator.add_webhook(receiver.url)
        ids = [api.schedule(user_id, HAUL_TRUCK) for user_id in TRAINEES[:5]]
        deliveries = wait_for_deliveries(emulator, 5)
    assert [int(body["lessonScheduleId"]) for body in receiver.bodies] == [ids[0], ids[0], *ids]
    assert [(one["attempts"], one["state"], one["last"]) for one in deliveries[:2]] == [
        (3, "delivered", "HTTP 200"),
        (1, "delivered", "HTTP 200"),
    ]


def test_delivery_fails_after_three_attempts(api: ApiClient, emulator: DamstraEmulator) -> None:
    def fail_first_delivery(body: dict[str, Any]) -> int:
        return 500 if body["name"] == "user.account.created" else 200

    with running_receiver(fail_first_delivery) as receiver:
        emulator.add_webhook(receiver.url)
        user_id = api.send("/user", firstName="Ann").json()["id"]
        api.send(f"/user/{user_id}/inactivate")
        first, second = wait_for_deliveries(emulator, 2)
    assert receiver.names == ["user.account.created"] * 3 + ["user.account.inactivate"]
    assert (first["state"], first["attempts"], first["last"]) == ("failed", 3, "HTTP 500")
    assert (second["state"], second["event"]) == ("delivered", "user.account.inactivate")
    assert second["url"] == receiver.url


@contextmanager
def running_slow_receiver(status: int = 200) -> Iterator[tuple[Receiver, threading.Event]]:
    """Run a receiver that responds with a status when the returned event is set."""
    released = threading.Event()

    def respond(body: dict[str, Any]) -> int:
        released.wait(timeout=10)
        return status

    with running_receiver(respond) as receiver:
        yield receiver, released


def test_slow_receiver_does_not_block_another(
    api: ApiClient, emulator: DamstraEmulator, receiver: Receiver
) -> None:
    with running_slow_receiver() as (slow, released):
        emulator.add_webhook(slow.url)
        emulator.add_webhook(receiver.url)
        api.send("/user", firstName="Ann")
        wait_until(lambda: receiver.names == ["user.account.created"], "the event is delivered")
        assert emulator.deliveries()[0]["state"] == "pending"
        released.set()
        wait_for_deliveries(emulator, 2)


def test_unreachable_receiver_is_failed_delivery(
    api: ApiClient, emulator: DamstraEmulator, receiver: Receiver
) -> None:
    emulator.add_webhook("http://127.0.0.1:9/")
    api.send("/user", firstName="Ann")
    [delivery] = wait_for_deliveries(emulator, 1)
    assert (delivery["state"], delivery["attempts"]) == ("failed", 3)
    assert delivery["last"].startswith("Client")


def test_webhooks_can_be_listed_and_deleted(
    api: ApiClient, emulator: DamstraEmulator, receiver: Receiver
) -> None:
    first = emulator.add_webhook(receiver.url)
    second = emulator.add_webhook(receiver.url, event="user.account.created")
    listed = [{"id": first, "url": receiver.url, "event": None}]
    assert call_control_plane(emulator, "DELETE", f"/webhooks/{second}").status_code == 204
    assert call_control_plane(emulator, "GET", "/webhooks").json() == listed
    assert call_control_plane(emulator, "DELETE", f"/webhooks/{second}").status_code == 404
    assert call_control_plane(emulator, "DELETE", "/webhooks").status_code == 204
    api.send("/user", firstName="Ann")
    assert emulator.deliveries() == []


def test_deleted_webhook_receives_nothing_more(api: ApiClient, emulator: DamstraEmulator) -> None:
    with running_slow_receiver(500) as (receiver, released), running_receiver() as other:
        first = emulator.add_webhook(receiver.url)
        emulator.add_webhook(other.url)
        for name in ("Ann", "Ben"):
            api.send("/user", firstName=name)
        wait_until(lambda: (len(receiver.bodies), len(other.bodies)) == (1, 2), "the first event")
        assert call_control_plane(emulator, "DELETE", f"/webhooks/{first}").status_code == 204
        released.set()
        deliveries = wait_for_deliveries(emulator, 4)
        assert len(receiver.bodies) == 1
    assert [
        (one["state"], one["last"], one["attempts"]) for one in deliveries if one["webhookId"] == first
    ] == [
        ("failed", "the webhook was deleted", 1),
        ("failed", "the webhook was deleted", 0),
    ]


def test_waiting_deliveries_are_limited(
    api: ApiClient, emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_damstra.emulator.webhooks.MAX_WAITING", 1)
    with running_slow_receiver() as (receiver, released):
        emulator.add_webhook(receiver.url)
        for name in ("Ann", "Ben", "Cal"):
            api.send("/user", firstName=name)
            wait_until(lambda: len(receiver.bodies) == 1, "the first event")
        assert emulator.deliveries()[-1]["last"] == "not sent: 1 deliveries are waiting"
        released.set()
        states = [one["state"] for one in wait_for_deliveries(emulator, 3)]
    assert states == ["delivered", "delivered", "failed"]


def test_secrets_of_webhook_are_never_returned(api: ApiClient, emulator: DamstraEmulator) -> None:
    url = "http://me:pass-word@127.0.0.1:9/damstra/webhooks/damstra_default/T0ken-of-it?x=1"
    added = call_control_plane(emulator, "POST", "/webhooks", {"url": url}).text
    api.send("/user", firstName="Ann")
    [delivery] = wait_for_deliveries(emulator, 1)
    masked = "http://***@127.0.0.1:9/damstra/webhooks/damstra_default/***?x=1"
    assert (delivery["url"], delivery["state"]) == (masked, "failed")
    listed = call_control_plane(emulator, "GET", "/webhooks").text
    with requests.get(f"{emulator.url}/_emulator/events", stream=True, timeout=10) as response:
        lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        streamed = next(line for line in lines if "webhookId" in line)
    for text in (added, listed, streamed):
        assert masked in text
        assert "T0ken" not in text
        assert "pass-word" not in text


def test_error_that_names_the_url_is_masked() -> None:
    last = "InvalidURL: http://a:b@x/damstra/webhooks/c/T0ken no host"
    delivery = Delivery(id=1, webhook_id=1, url="http://x", event="e", body={}, last=last)
    assert delivery.model_dump()["last"] == "InvalidURL: http://***@x/damstra/webhooks/c/*** no host"


def test_reset_cancels_deliveries(api: ApiClient, emulator: DamstraEmulator) -> None:
    with running_receiver(lambda body: 500) as receiver:
        emulator.add_webhook(receiver.url)
        api.send("/user", firstName="Ann")
        emulator.reset()
        assert emulator.deliveries() == []
