"""Deduplication: one inbox row per event, whether a webhook delivers it, polling finds it, or both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.events import LessonScheduleChanged
from airflow_provider_damstra.webhooks.inbox import EventState, InsertResult

if TYPE_CHECKING:
    from airflow_provider_damstra.webhooks.events import Event
    from airflow_provider_damstra.webhooks.inbox import InboxRow

WEBHOOK = "webhook"
POLLING = "polling"
"""Source of an event."""

MAX_CLOCK_SKEW = timedelta(minutes=5)
"""Maximum lead of Damstra's clock: polling can find a change before the webhook's timestamp."""


def insert_event(event: Event, payload: dict[str, Any], *, conn_id: str, source: str) -> InsertResult:
    """Insert an event into the inbox, unless it is there already from either source.

    Polling does not know when an event occurred, so its events are compared by what changed in which
    schedule. A webhook and a poll that insert concurrently can create two rows; reconciliation therefore
    waits for the webhook before it reports an event as missed.

    :param payload: the event as the inbox stores it.
    :param source: ``WEBHOOK`` or ``POLLING``.
    :raises InboxUnavailableError: if it cannot be stored now.
    :raises UnstorableEventError: if the database rejects its content.
    """
    insert = partial(
        inbox.insert,
        conn_id=conn_id,
        name=event.name,
        payload=payload,
        source=source,
        occurred_at=event.occurred_at(),
    )
    if isinstance(event, LessonScheduleChanged):
        dedup_key = _reschedule_dedup_key(event, conn_id=conn_id, is_polled=source == POLLING)
        return insert(dedup_key=dedup_key) if dedup_key else InsertResult.DUPLICATE
    polling_dedup_key = event.polling_dedup_key()
    if source != POLLING or polling_dedup_key is None:
        return insert(dedup_key=event.dedup_key(), polling_dedup_key=polling_dedup_key)
    if _was_received(event, conn_id=conn_id):
        return InsertResult.DUPLICATE
    return insert(dedup_key=polling_dedup_key, polling_dedup_key=polling_dedup_key)


def _was_received(event: Any, *, conn_id: str) -> bool:
    """Return whether the inbox contains an unrefused row of this event, which occurs once per schedule."""
    rows = inbox.find_by_schedule(event.lesson_schedule_id, conn_id=conn_id, name=event.name)
    return any(
        type(event).model_validate(row["payload"]).polling_dedup_key() == event.polling_dedup_key()
        for row in rows
        if row["state"] != EventState.REFUSED
    )


def _reschedule_dedup_key(event: LessonScheduleChanged, *, conn_id: str, is_polled: bool) -> str | None:
    """Return the key to insert a change of date with, or None if it is a duplicate.

    A duplicate is the same change from the other source or another poll, with no change to another date in
    between. An ambiguous change is treated as new: verification refuses it if the schedule has another date.
    """
    now = datetime.now(UTC)
    change = Reschedule(to=event.polling_dedup_key(), at=min(event.time_stamp, now), is_polled=is_polled)
    rows = inbox.find_by_schedule(event.lesson_schedule_id, conn_id=conn_id, name=event.name)
    others = [_stored_reschedule(row) for row in rows]
    other_dates = [other for other in others if other.to != change.to]
    previous = max(
        (other for other in other_dates if other.at < change.at), key=attrgetter("at"), default=None
    )
    following = min(
        (other for other in other_dates if other.at > change.at), key=attrgetter("at"), default=None
    )
    is_duplicate = any(
        _may_be_same(change, other)
        for other in others
        if (not previous or previous.at <= other.at) and (not following or other.at <= following.at)
    )
    if is_duplicate:
        return None
    if is_polled:
        # The previous change distinguishes it from earlier ones to the same date, in every poll.
        return event.polling_dedup_key(after=previous.row_id if previous else None)
    return event.dedup_key()


def _stored_reschedule(row: InboxRow) -> Reschedule:
    return Reschedule(
        to=LessonScheduleChanged.model_validate(row["payload"]).polling_dedup_key(),
        # A time after the receipt means that a clock is ahead.
        at=min(row["occurred_at"], row["received_at"]),
        is_polled=row["source"] == POLLING,
        is_refused=row["state"] == EventState.REFUSED,
        row_id=row["id"],
    )


@dataclass(frozen=True, kw_only=True)
class Reschedule:
    """A change of a schedule's date.

    :param to: key of schedule, user and new date.
    :param at: time of the change; if polling found it, the time of that poll, which is later.
    :param is_polled: whether polling found it.
    :param is_refused: whether its row was refused.
    :param row_id: id of its inbox row; 0 while it is being received.
    """

    to: str
    at: datetime
    is_polled: bool
    is_refused: bool = False
    row_id: int = 0


def _may_be_same(change: Reschedule, other: Reschedule) -> bool:
    if change.to != other.to or other.is_refused or not (change.is_polled or other.is_polled):
        return False
    if change.is_polled and other.is_polled:
        return True
    polled, delivered = (change, other) if change.is_polled else (other, change)
    return delivered.at - polled.at <= MAX_CLOCK_SKEW
