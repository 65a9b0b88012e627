"""One event that cannot be verified does not delay the other events of its connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra import errors
from airflow_provider_damstra.webhooks import circuit_breaker, inbox
from airflow_provider_damstra.webhooks.circuit_breaker import CircuitBreaker, affects_connection
from airflow_provider_damstra.webhooks.deduplication import WEBHOOK, insert_event
from airflow_provider_damstra.webhooks.events import UserSettingsUpdated
from tests.waiting import wait_until
from tests.webhooks.metadata_db import COMPLETED, wait_for_processed
from tests.webhooks.receiver_server import COMPLETED_ID, CONN_ID, USER_ID, ReceiverServer, completed_event

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator

UPDATED = "user.settings.updated"
INVALID_IDS = ["-1", "0", "-9223372036854775808", -1, 0, True]
BAD_ID = 4711
RESPONSES: dict[str, tuple[int, Any]] = {
    "403": (403, "Forbidden"),
    "831": (200, {"internalCode": 831, "error": "You are not authorised to make this request"}),
    "500": (500, "Internal Server Error"),
    "503": (503, "Service Unavailable"),
    "code 500": (200, {"internalCode": 500, "error": "Internal server error"}),
    "unreadable": (200, "<html>"),
    "an unexpected type": (200, {"id": [], "userId": {}}),
}


@pytest.mark.parametrize("value", INVALID_IDS)
@pytest.mark.parametrize("field", ["lessonScheduleId", "userId"])
def test_invalid_id_is_rejected_by_the_receiver(field: str, value: Any, receiver: ReceiverServer) -> None:
    event = {**completed_event(), "name": "lesson.schedule.created", field: value}
    assert receiver.post(event).status == 400
    assert inbox.list_events() == []


def test_stored_event_with_invalid_id_is_refused_and_requests_nothing(
    damstra_emulator: DamstraEmulator, receiver: ReceiverServer
) -> None:
    payload = {"name": COMPLETED, "time_stamp": completed_event()["timeStamp"], "user_id": 1}
    inbox.insert(
        conn_id=CONN_ID,
        name=COMPLETED,
        dedup_key="d",
        payload={**payload, "lesson_schedule_id": -1},
        source=WEBHOOK,
    )
    (row,) = wait_for_processed()
    assert row["state"] == "refused"
    assert row["reason"] == "its payload is invalid: lesson_schedule_id: Input should be greater than 0"
    assert damstra_emulator.journal(path="/lesson_schedule/**") == []


@pytest.mark.parametrize(("status", "body"), RESPONSES.values(), ids=RESPONSES)
def test_failure_for_one_id_does_not_delay_other_events(
    status: int,
    body: Any,
    damstra_emulator: DamstraEmulator,
    receiver: ReceiverServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An open breaker would delay the valid event beyond the test's deadline.
    monkeypatch.setattr(circuit_breaker, "INITIAL_OPEN_SECONDS", 3600.0)
    damstra_emulator.add_fault("status", status=status, body=body, path=f"/lesson_schedule/{BAD_ID}")
    receiver.post(completed_event(BAD_ID, USER_ID))
    wait_until(lambda: bool(inbox.list_events()[0]["reason"]), "a failed verification")
    receiver.post(completed_event(COMPLETED_ID, USER_ID))
    (row,) = wait_for_processed()
    assert (row["state"], row["payload"]["lesson_schedule_id"]) == ("confirmed", COMPLETED_ID)


@pytest.mark.parametrize("kind", ["401", "429", "transport"])
def test_failure_of_the_connection_pauses_it_and_is_logged_once_per_change(
    kind: str, damstra_emulator: DamstraEmulator, receiver: ReceiverServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    if kind == "transport":
        damstra_emulator.add_fault("drop_before")
    else:
        damstra_emulator.add_fault("status", status=int(kind), body={"error": "no"})
    for number in range(5):
        receiver.post(completed_event(COMPLETED_ID, USER_ID, timeStamp=f"2026-11-29T00:00:0{number}Z"))
    wait_until(lambda: all(row["reason"] for row in inbox.list_events()), "the failures")
    # A worker may still be verifying an event of another test.
    waiting = [line for line in caplog.messages if "are waiting" in line and str(COMPLETED_ID) in line]
    assert len(waiting) == 1
    damstra_emulator.clear_faults()
    assert {row["state"] for row in wait_for_processed(5)} == {"confirmed"}
    assert caplog.text.count("connection 'damstra_default' responds again") == 1


ERRORS: dict[Callable[..., Exception], bool] = {
    errors.DamstraTransportError: True,
    errors.DamstraAuthError: True,
    errors.DamstraRateLimitError: True,
    errors.DamstraConfigurationError: True,
    errors.DamstraPermissionError: False,
    errors.DamstraServerError: False,
    errors.DamstraNotFoundError: False,
    errors.DamstraRequestError: False,
    errors.DamstraResponseError: False,
    OverflowError: False,
}


@pytest.mark.parametrize("error", ERRORS)
def test_only_transport_authentication_rate_limit_and_settings_affect_the_connection(
    error: Callable[..., Exception],
) -> None:
    assert affects_connection(error("x")) is ERRORS[error]


def test_success_of_an_earlier_request_does_not_close_the_breaker() -> None:
    breaker = CircuitBreaker()
    started_at = time.monotonic()
    assert breaker.record_failure("too many requests")
    assert not breaker.record_success(started_at=started_at)
    assert breaker.seconds_left > 0
    assert breaker.record_success(started_at=time.monotonic())
    assert breaker.seconds_left == 0


# The last test of this module's receiver: its requests would still be in flight in the next one.
def test_a_hundred_failing_events_do_not_delay_a_valid_one(
    damstra_emulator: DamstraEmulator,
    receiver: ReceiverServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(circuit_breaker, "INITIAL_OPEN_SECONDS", 3600.0)
    damstra_emulator.add_fault("status", status=403, path="/user/*")
    for number in range(1, 101):
        payload = {"name": UPDATED, "time_stamp": datetime.now(UTC), "user_id": number, "acting_user_id": 1}
        event = UserSettingsUpdated.model_validate(payload)
        insert_event(event, event.model_dump(mode="json"), conn_id=CONN_ID, source=WEBHOOK)
    receiver.post(completed_event(COMPLETED_ID, USER_ID))
    (row,) = wait_for_processed()
    assert row["payload"]["lesson_schedule_id"] == COMPLETED_ID
    assert caplog.text.count("cannot verify event") <= 1
