"""Deduplication of a schedule's changes of date: one row for each, from either source, in any order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_damstra.webhooks import inbox, outcomes
from airflow_provider_damstra.webhooks.deduplication import POLLING, WEBHOOK, insert_event
from airflow_provider_damstra.webhooks.events import parse_body
from tests.webhooks.receiver_server import COMPLETED_ID, CONN_ID, USER_ID, completed_event

START = datetime.now(UTC) - timedelta(hours=10)
MONDAY, TUESDAY = "2026-11-23T01:33:27.000Z", "2026-11-24T01:33:27.000Z"
RECEIVED, DUPLICATE = inbox.InsertResult

pytestmark = pytest.mark.usefixtures("metadata_database")
with_clock_skew = pytest.mark.parametrize("skew", [-4.0, 0.0, 4.0])
"""Minutes by which Damstra's clock is ahead of Airflow's."""


def insert(to: str, at: datetime, source: str) -> inbox.InsertResult:
    """Insert a change of the schedule's date."""
    fields = {"name": "lesson.schedule.changed", "scheduleDate": to, "timeStamp": at.isoformat()}
    event = completed_event(COMPLETED_ID, USER_ID, **fields)
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
