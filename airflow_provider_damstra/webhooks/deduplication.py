"""Keeping an event once, whether a webhook brings it, or polling sees it, or both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.events import LessonScheduleChanged
from airflow_provider_damstra.webhooks.inbox import EventState, InsertResult
from airflow_provider_damstra.webhooks.parsing import occurred_at_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_damstra.webhooks.events import Event, UnknownEvent
    from airflow_provider_damstra.webhooks.inbox import Row

WEBHOOK = "webhook"

POLLING = "polling"
"""Who says that something has happened."""

EPOCH = datetime.fromtimestamp(0, UTC)


def insert_event(
    event: Event | UnknownEvent, payload: dict[str, Any], *, conn_id: str, source: str
) -> InsertResult:
    """Keep an event, unless it is there already.

    What polling sees has no moment of its own, so it is compared by what happened to which schedule. It and a
    webhook that are received in the same instant can still become two: who polls waits a while before it
    calls an event missed.

    :raises InboxUnavailableError: if it could not be kept now.
    :raises UnstorableEventError: if it can never be kept.
    """
    moment = occurred_at_of(event)
    keep = partial(
        inbox.insert, conn_id=conn_id, name=event.name, payload=payload, source=source, occurred_at=moment
    )
    if isinstance(event, LessonScheduleChanged):
        dedup_key = _digest_of_move(event, conn_id=conn_id, is_seen=source == POLLING)
        return keep(dedup_key=dedup_key) if dedup_key else InsertResult.DUPLICATE
    polling_dedup_key = event.polling_dedup_key()
    if source != POLLING or polling_dedup_key is None:
        return keep(dedup_key=event.dedup_key(), polling_dedup_key=polling_dedup_key)
    if _was_brought(event, conn_id=conn_id):
        return InsertResult.DUPLICATE
    return keep(dedup_key=polling_dedup_key, polling_dedup_key=polling_dedup_key)


def _was_brought(event: Any, *, conn_id: str) -> bool:
    """Return whether what happens to a schedule once is there, and was not refused."""
    rows = inbox.find_by_schedule(event.lesson_schedule_id, conn_id=conn_id, name=event.name)
    return any(
        type(event).model_validate(row["payload"]).polling_dedup_key() == event.polling_dedup_key()
        for row in rows
        if row["state"] != EventState.REFUSED
    )


def _digest_of_move(event: LessonScheduleChanged, *, conn_id: str, is_seen: bool) -> str | None:
    """Return the dedup_key under which a move is kept, or None if it is there already."""
    now = datetime.now(UTC)
    move = Move(to=event.polling_dedup_key(), at=min(event.time_stamp, now), is_seen=is_seen)
    rows = inbox.find_by_schedule(
        event.lesson_schedule_id,
        conn_id=conn_id,
        name=event.name,
        # Polling may have seen this move since it was, by clocks that differ; all others are other moves.
        received_since=None if is_seen else max(move.at, EPOCH) - 2 * CLOCKS_DIFFER,
    )
    known = [_move_in(row) for row in rows]
    if is_known(move, known):
        return None
    return event.polling_dedup_key(after=move_before(move, known)) if is_seen else event.dedup_key()


def _move_in(row: Row) -> Move:
    return Move(
        to=LessonScheduleChanged.model_validate(row["payload"]).polling_dedup_key(),
        # Nothing happened after it was told: then a clock is ahead.
        at=min(row["occurred_at"], row["received_at"]),
        is_seen=row["source"] == POLLING,
        is_refused=row["state"] == EventState.REFUSED,
        row_id=row["id"],
    )


CLOCKS_DIFFER = timedelta(minutes=5)
"""How far Damstra's clock may be ahead of Airflow's: polling may seem to have seen a move before it was."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """What somebody told of one schedule.

    :param to: what is the same for all moves to one date.
    :param at: when it was moved; or, if it was only seen, when that was: some time later.
    :param is_seen: whether polling saw it.
    :param is_refused: whether it is known to be untrue, or no longer true.
    :param row_id: of the row in the inbox; 0 for what is only being received.
    """

    to: str
    at: datetime
    is_seen: bool
    is_refused: bool = False
    row_id: int = 0


def is_known(move: Move, known: Collection[Move]) -> bool:
    """Return whether a move is one that is known, told by somebody else.

    In doubt it is another one: Damstra is asked whether it is so, and denies what is over.

    :param known: all moves of the schedule that could be it, or lie between the two.
    """
    elsewhere = [other.at for other in known if other.to != move.to]
    since = max((at for at in elsewhere if at < move.at), default=None)
    until = min((at for at in elsewhere if at > move.at), default=None)
    return any(
        _may_be_same(move, other)
        for other in known
        if (since is None or since <= other.at) and (until is None or other.at <= until)
    )


def move_before(move: Move, known: Collection[Move]) -> int | None:
    """Return the row of the latest move to elsewhere before this one, if there is one.

    It tells this move from earlier ones to the same date, whoever sees it, and whenever.
    """
    elsewhere = [other for other in known if other.to != move.to and other.at < move.at]
    return max(elsewhere, key=lambda other: other.at).row_id if elsewhere else None


def _may_be_same(one: Move, other: Move) -> bool:
    if one.to != other.to or other.is_refused or not (one.is_seen or other.is_seen):
        return False
    if one.is_seen and other.is_seen:
        return True
    seen, told = (one, other) if one.is_seen else (other, one)
    return told.at - seen.at <= CLOCKS_DIFFER
