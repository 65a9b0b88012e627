"""A schedule moved there, away, and there again: each move is one event, whoever tells of it first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_damstra.webhooks import inbox, outcomes
from airflow_provider_damstra.webhooks.deduplication import POLLING, WEBHOOK, insert_event
from airflow_provider_damstra.webhooks.parsing import parse_body
from tests.webhooks.receiver_server import COMPLETED_ID, CONN_ID, USER_ID

BEGAN = datetime.now(UTC) - timedelta(hours=10)
MONDAY, TUESDAY = "2026-11-23T01:33:27.000Z", "2026-11-24T01:33:27.000Z"
RECEIVED, DUPLICATE = inbox.InsertResult

pytestmark = pytest.mark.usefixtures("metadata_database")
whatever_the_clock = pytest.mark.parametrize("ahead", [-4.0, 0.0, 4.0])
"""Minutes by which Damstra's clock is ahead of Airflow's."""


def tell(to: str, at: datetime, source: str) -> inbox.InsertResult:
    """Tell that the schedule was moved to a date; return what became of it."""
    ids = {"lessonScheduleId": COMPLETED_ID, "userID": USER_ID}
    body = {"name": "lesson.schedule.changed", **ids, "scheduleDate": to, "timeStamp": at.isoformat()}
    return insert_event(*parse_body(json.dumps(body).encode()), conn_id=CONN_ID, source=source)


def webhook(to: str, minute: float, *, ahead: float = 0) -> inbox.InsertResult:
    return tell(to, BEGAN + timedelta(minutes=minute + ahead), WEBHOOK)


def seen(to: str, minute: float) -> inbox.InsertResult:
    return tell(to, BEGAN + timedelta(minutes=minute), POLLING)


@whatever_the_clock
def test_polling_first_and_the_webhook_late(ahead: float) -> None:
    assert seen(MONDAY, 10) == RECEIVED
    assert webhook(MONDAY, 9.5, ahead=ahead) == DUPLICATE
    assert webhook(TUESDAY, 60, ahead=ahead) == RECEIVED
    assert seen(TUESDAY, 70) == DUPLICATE
    assert webhook(MONDAY, 120, ahead=ahead) == RECEIVED
    assert [webhook(MONDAY, 9.5, ahead=ahead), webhook(MONDAY, 120, ahead=ahead)] == [DUPLICATE] * 2
    assert seen(MONDAY, 130) == DUPLICATE


@whatever_the_clock
def test_the_webhook_first_and_then_polling(ahead: float) -> None:
    assert webhook(MONDAY, 9.5, ahead=ahead) == RECEIVED
    assert seen(MONDAY, 10) == DUPLICATE
    assert webhook(TUESDAY, 60, ahead=ahead) == RECEIVED
    # The webhook of the way back is missing, and comes at last.
    assert seen(MONDAY, 130) == RECEIVED
    assert webhook(MONDAY, 120, ahead=ahead) == DUPLICATE
    assert len(inbox.list_events()) == 3


def test_polling_alone_sees_each_move_and_whoever_looks_later_sees_the_same() -> None:
    moves = [(MONDAY, 0), (TUESDAY, 60), (MONDAY, 120), (TUESDAY, 180)]
    assert [seen(to, minute) for to, minute in moves] == [RECEIVED] * 4
    assert [seen(to, minute + 15) for to, minute in moves] == [DUPLICATE] * 4


def test_there_and_back_within_a_minute_are_two_moves() -> None:
    assert [seen(MONDAY, 10), webhook(TUESDAY, 10.3), webhook(MONDAY, 10.6)] == [RECEIVED] * 3


def test_a_clock_that_is_far_ahead_makes_no_two_of_one() -> None:
    now = datetime.now(UTC)
    assert tell(MONDAY, now + timedelta(days=300), WEBHOOK) == RECEIVED
    assert tell(MONDAY, now, POLLING) == DUPLICATE


@pytest.mark.parametrize("at", [datetime.min, datetime.max])
def test_no_time_is_too_far_away(at: datetime) -> None:
    for source in (WEBHOOK, POLLING):
        assert tell(MONDAY, at.replace(tzinfo=UTC), source) in inbox.InsertResult


def test_what_was_refused_tells_of_no_move() -> None:
    webhook(MONDAY, 0)
    for row in inbox.claim(limit=1, lease=timedelta(minutes=1)):
        outcomes.refuse(row, "because")
    assert seen(MONDAY, 10) == RECEIVED
    assert webhook(MONDAY, 1) == DUPLICATE
