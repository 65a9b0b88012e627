"""Deduplication: one row for an event that a webhook delivers and polling finds, in any order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.webhooks import inbox, outcomes
from airflow_provider_damstra.webhooks.deduplication import POLLING, WEBHOOK, insert_event
from airflow_provider_damstra.webhooks.parsing import parse_body
from tests.webhooks.metadata_db import wait_for_processed
from tests.webhooks.receiver_server import (
    COMPLETED_ID,
    CONN_ID,
    OPEN_ID,
    USER_ID,
    ReceiverServer,
    Response,
    completed_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.testing import DamstraEmulator

START = datetime.now(UTC) - timedelta(hours=10)
MONDAY, TUESDAY = "2026-11-23T01:33:27.012Z", "2026-11-24T01:33:27.000Z"
RECEIVED, DUPLICATE = inbox.InsertResult

pytestmark = pytest.mark.usefixtures("metadata_database")
with_clock_skew = pytest.mark.parametrize("skew", [-4.0, 0.0, 4.0])
"""Minutes by which Damstra's clock is ahead of Airflow's."""


def completion(**fields: Any) -> dict[str, Any]:
    return completed_event(COMPLETED_ID, USER_ID, **fields)


def reschedule(to: str, **fields: Any) -> dict[str, Any]:
    return completion(name="lesson.schedule.changed", scheduleDate=to, **fields)


def results(*responses: Response) -> list[str]:
    return [response.json["result"] for response in responses]


def test_missed_event_is_confirmed_with_source_polling(receiver: ReceiverServer) -> None:
    assert results(receiver.post_missed(completion())) == ["received"]
    (row,) = wait_for_processed()
    assert (row["state"], row["source"]) == ("confirmed", "polling")


@pytest.mark.parametrize("is_webhook_first", [True, False])
def test_event_from_both_sources_is_stored_once(receiver: ReceiverServer, is_webhook_first: bool) -> None:
    sources: list[Callable[..., Response]] = [receiver.post, receiver.post_missed]
    first, second = sources if is_webhook_first else reversed(sources)
    # The times differ: polling does not know when it occurred.
    responses = [first(completion(timeStamp=MONDAY)), second(completion())]
    repeated = [receiver.post(completion(timeStamp=MONDAY)), receiver.post_missed(completion())]
    assert results(*responses, *repeated) == ["received", "duplicate", "duplicate", "duplicate"]
    assert len(inbox.list_events()) == 1


@pytest.mark.usefixtures("no_reopening")
def test_each_date_of_a_rescheduled_lesson_is_an_event(receiver: ReceiverServer) -> None:
    delivered = receiver.post(reschedule(MONDAY))
    dates = ("2026-11-23T01:33:27+0000", TUESDAY, TUESDAY)
    polled = [receiver.post_missed(reschedule(date)) for date in dates]
    assert results(delivered, *polled) == ["received", "duplicate", "received", "duplicate"]


@pytest.mark.usefixtures("no_reopening")
@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_extreme_schedule_date_is_deduplicated(receiver: ReceiverServer, date: str) -> None:
    responses = receiver.post(reschedule(date)), receiver.post_missed(reschedule(date))
    assert results(*responses) == ["received", "duplicate"]


def test_refused_webhook_does_not_hide_missed_event(
    receiver: ReceiverServer, damstra_emulator: DamstraEmulator
) -> None:
    receiver.post(completed_event(OPEN_ID, USER_ID))
    (row,) = wait_for_processed()
    assert row["state"] == "refused"
    damstra_emulator.complete_lesson_schedule(OPEN_ID)
    assert results(receiver.post_missed(completed_event(OPEN_ID, USER_ID))) == ["received"]
    assert {row["state"] for row in wait_for_processed(2)} == {"refused", "confirmed"}


@pytest.mark.usefixtures("no_reopening")
@pytest.mark.parametrize("forge", [ReceiverServer.post_missed, ReceiverServer.post])
def test_event_forged_with_another_user_does_not_hide_the_real_one(
    receiver: ReceiverServer, forge: Callable[..., Response]
) -> None:
    for event in (completion(), reschedule(MONDAY)):
        forged = {**event, "userId": "1012"}
        assert results(forge(receiver, forged), receiver.post_missed(event)) == ["received", "received"]
        assert results(receiver.post(event)) == ["duplicate"]


def test_missed_event_requires_token_and_valid_body(receiver: ReceiverServer) -> None:
    assert receiver.post_missed(completion(), token="x" * 43).status == 404
    assert receiver.post_missed({"name": 7}).status == 400
    assert receiver.post_missed({**completed_event(), "name": "lesson.schedule.changed"}).status == 400
    assert inbox.list_events() == []


def insert(to: str, at: datetime, source: str) -> inbox.InsertResult:
    """Insert a change of the schedule's date."""
    event = reschedule(to, timeStamp=at.isoformat())
    return insert_event(*parse_body(json.dumps(event).encode()), conn_id=CONN_ID, source=source)


def deliver(to: str, minute: float, *, skew: float = 0) -> inbox.InsertResult:
    return insert(to, START + timedelta(minutes=minute + skew), WEBHOOK)


def poll(to: str, minute: float) -> inbox.InsertResult:
    return insert(to, START + timedelta(minutes=minute), POLLING)


@with_clock_skew
def test_reschedules_found_by_polling_before_late_webhooks(skew: float) -> None:
    assert poll(MONDAY, 10) == RECEIVED
    assert deliver(MONDAY, 9.5, skew=skew) == DUPLICATE
    assert deliver(TUESDAY, 60, skew=skew) == RECEIVED
    assert poll(TUESDAY, 70) == DUPLICATE
    assert deliver(MONDAY, 120, skew=skew) == RECEIVED
    assert [deliver(MONDAY, 9.5, skew=skew), deliver(MONDAY, 120, skew=skew)] == [DUPLICATE] * 2
    assert poll(MONDAY, 130) == DUPLICATE


@with_clock_skew
def test_reschedules_delivered_before_polling(skew: float) -> None:
    assert deliver(MONDAY, 9.5, skew=skew) == RECEIVED
    assert poll(MONDAY, 10) == DUPLICATE
    assert deliver(TUESDAY, 60, skew=skew) == RECEIVED
    # The webhook of the change back to Monday is late.
    assert poll(MONDAY, 130) == RECEIVED
    assert deliver(MONDAY, 120, skew=skew) == DUPLICATE
    assert len(inbox.list_events()) == 3


def test_two_pollers_find_the_same_reschedules() -> None:
    changes = [(MONDAY, 0), (TUESDAY, 60), (MONDAY, 120), (TUESDAY, 180)]
    assert [poll(to, minute) for to, minute in changes] == [RECEIVED] * 4
    assert [poll(to, minute + 15) for to, minute in changes] == [DUPLICATE] * 4


def test_reschedule_and_reversal_within_a_minute_are_two_events() -> None:
    assert [poll(MONDAY, 10), deliver(TUESDAY, 10.3), deliver(MONDAY, 10.6)] == [RECEIVED] * 3


def test_webhook_dated_in_the_future_is_deduplicated() -> None:
    now = datetime.now(UTC)
    assert insert(MONDAY, now + timedelta(days=300), WEBHOOK) == RECEIVED
    assert insert(MONDAY, now, POLLING) == DUPLICATE


@pytest.mark.parametrize("at", [datetime.min, datetime.max])
def test_extreme_event_time_is_accepted(at: datetime) -> None:
    for source in (WEBHOOK, POLLING):
        assert insert(MONDAY, at.replace(tzinfo=UTC), source) in inbox.InsertResult


def test_refused_reschedule_does_not_hide_polled_one() -> None:
    deliver(MONDAY, 0)
    for row in inbox.claim(limit=1, lease=timedelta(minutes=1)):
        outcomes.refuse(row, "because")
    assert poll(MONDAY, 10) == RECEIVED
    assert deliver(MONDAY, 1) == DUPLICATE
