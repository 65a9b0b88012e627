"""The inbox: events as they were received, kept in Airflow's metadata database until Damstra confirmed them.

Every function is one transaction, safe beside other processes, on every database that Airflow runs on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, cast, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_damstra.webhooks.db.manager import inbox
from airflow_provider_damstra.webhooks.db.transactions import InboxUnavailableError, transaction

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

MOST_REDELIVERIES = 5
"""How often an event that was refused is looked at again because it was delivered again."""

OVERLAP = timedelta(seconds=15)
"""Ids are given before others see their rows: the feed repeats rows that are not older than this."""

TRIES = 3
PAGE = 1000
LONGEST_REASON = 10_000
PURGE_BATCH = 500

Row = dict[str, Any]


class State(StrEnum):
    """Where an event stands."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class Delivery(StrEnum):
    """What became of a delivery."""

    RECEIVED = "received"
    DUPLICATE = "duplicate"


def keep(
    *,
    conn_id: str,
    name: str,
    digest: str,
    payload: dict[str, Any],
    source: str,
    happened_at: datetime | None = None,
    occurrence: str | None = None,
) -> Delivery:
    """Keep an event, once: when this returns it is committed.

    An event that was refused is looked at again when it is delivered again, a few times.

    :param digest: what two deliveries of one event have in common.
    :param happened_at: the event's own time, if it has one.
    :param occurrence: the digest under which it would be there already if polling had seen it before.

    :raises InboxUnavailableError: if it could not be kept now.
    :raises UnstorableEventError: if it can never be kept.
    """
    now = datetime.now(UTC)
    row = {
        "conn_id": conn_id,
        "name": name,
        "digest": digest,
        "payload": payload,
        "source": source,
        "attempts": 0,
        "redeliveries": 0,
        "happened_at": happened_at or now,
        "received_at": now,
        **_waiting(now),
    }
    for _ in range(TRIES):
        try:
            with transaction() as connection:
                if occurrence and _is_there(conn_id, occurrence, connection):
                    return Delivery.DUPLICATE
                connection.execute(insert(inbox).values(row))
            return Delivery.RECEIVED
        except IntegrityError:
            # The row that was in the way may have been purged since: then there is room for this one.
            if delivery := _meet_again(conn_id, digest, now):
                return delivery
    raise InboxUnavailableError("Airflow's metadata database neither takes the event nor has it.")


def _is_there(conn_id: str, digest: str, connection: Connection) -> bool:
    """Return whether an event is there that was not refused."""
    same = (inbox.c.conn_id == conn_id, inbox.c.digest == digest, inbox.c.state != State.REFUSED.value)
    return connection.scalar(select(inbox.c.id).where(*same)) is not None


def about_schedule(
    lesson_schedule_id: int, *, conn_id: str, name: str, received_since: datetime | None = None
) -> list[Row]:
    """Return the newest events of a name about one lesson schedule, whatever became of them.

    :param received_since: only those received since then, which are found faster.
    """
    # As a text, for a database may look at rows of other names first, and strangers choose what these hold.
    number = cast(inbox.c.payload["lesson_schedule_id"].as_string(), String(20))
    rows = select(inbox).where(
        inbox.c.conn_id == conn_id, inbox.c.name == name, number == str(lesson_schedule_id)
    )
    if received_since is not None:
        rows = rows.where(inbox.c.received_at >= received_since)
    # Damstra tells a few of each; how many there are, strangers choose.
    rows = rows.order_by(inbox.c.id.desc()).limit(PAGE)
    with transaction() as connection:
        return [dict(row) for row in connection.execute(rows).mappings()]


def _waiting(now: datetime) -> Row:
    return {
        "state": State.WAITING.value,
        "waiting_since": now,
        "next_attempt_at": now,
        "reason": None,
        "decided_at": None,
        "answers": 0,
    }


def _meet_again(conn_id: str, digest: str, now: datetime) -> Delivery | None:
    same = (inbox.c.conn_id == conn_id, inbox.c.digest == digest)
    reopen = (
        update(inbox)
        .where(*same, inbox.c.state == State.REFUSED.value, inbox.c.redeliveries < MOST_REDELIVERIES)
        .values(**_waiting(now), redeliveries=inbox.c.redeliveries + 1)
    )
    with transaction() as connection:
        if connection.execute(reopen).rowcount:
            return Delivery.RECEIVED
        return Delivery.DUPLICATE if connection.scalar(select(inbox.c.id).where(*same)) else None


def claim(*, limit: int, lease: timedelta) -> list[Row]:
    """Return waiting events whose time has come: nobody else gets them until the lease is over.

    Each row's ``attempts`` is the number under which a decision about it is accepted.
    """
    now = datetime.now(UTC)
    due = (
        select(inbox)
        .where(inbox.c.state == State.WAITING.value, inbox.c.next_attempt_at <= now)
        .order_by(inbox.c.next_attempt_at, inbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = []
    with transaction() as connection:
        for found in connection.execute(due).mappings().all():
            row = dict(found)
            taken = connection.execute(
                update(inbox)
                .where(*_still(row))
                .values(attempts=row["attempts"] + 1, next_attempt_at=now + lease)
            )
            if taken.rowcount:
                claimed.append({**row, "attempts": row["attempts"] + 1})
    return claimed


def _still(row: Row) -> tuple[Any, ...]:
    """Return the condition that a row is as it was when this process got it."""
    return (
        inbox.c.id == row["id"],
        inbox.c.state == State.WAITING.value,
        inbox.c.attempts == row["attempts"],
    )


def decide(row: Row, state: State, *, reason: str | None = None, connection: Connection) -> bool:
    """Set a claimed event to confirmed or refused; return False if it is no longer this process's.

    :param connection: in whose transaction.
    """
    values = {"state": state.value, "reason": _storable(reason), "decided_at": datetime.now(UTC)}
    return bool(connection.execute(update(inbox).where(*_still(row)).values(values)).rowcount)


def postpone(row: Row, *, until: datetime, reason: str, is_answered: bool = False) -> None:
    """Leave a claimed event to whoever comes first after a moment.

    :param is_answered: whether Damstra answered, and did not show it.
    """
    values = {
        "next_attempt_at": until,
        "reason": _storable(reason),
        "answers": row["answers"] + int(is_answered),
    }
    with transaction() as connection:
        connection.execute(update(inbox).where(*_still(row)).values(values))


def _storable(reason: str | None) -> str | None:
    """Return a reason as every database takes it: it may quote whatever a server answered."""
    if reason is None:
        return None
    return reason.encode(errors="backslashreplace").decode().replace("\0", "\\0")[:LONGEST_REASON]


def count_waiting() -> int:
    """Return how many events wait."""
    waiting = select(func.count()).select_from(inbox).where(inbox.c.state == State.WAITING.value)
    with transaction() as connection:
        return int(connection.scalar(waiting) or 0)


def listed(
    *, conn_id: str | None = None, states: tuple[State, ...] = tuple(State), limit: int = 100
) -> list[Row]:
    """Return events, the newest first.

    :param conn_id: only those of a connection.
    :param states: only those that are in one of these states.
    """
    rows = select(inbox).where(inbox.c.state.in_([state.value for state in states]))
    if conn_id is not None:
        rows = rows.where(inbox.c.conn_id == conn_id)
    with transaction() as connection:
        found = connection.execute(rows.order_by(inbox.c.id.desc()).limit(limit)).mappings().all()
    return [dict(row) for row in found]


def feed(conn_id: str, *, after: int | None) -> tuple[int, list[Row]]:
    """Return the cursor to ask with next time, and what was received after a cursor, whatever became of it.

    What is not older than a few seconds is there again: who follows drops the ids they have seen.

    :param after: a cursor; None for the present one and no rows.
    """
    rows = select(inbox.c.id, inbox.c.name, inbox.c.payload).where(inbox.c.conn_id == conn_id)
    with transaction() as connection:
        if after is None:
            newest = select(func.max(inbox.c.id)).where(inbox.c.conn_id == conn_id)
            return int(connection.scalar(newest) or 0), []
        late = rows.where(inbox.c.id <= after, inbox.c.received_at > datetime.now(UTC) - OVERLAP)
        new = rows.where(inbox.c.id > after)
        found = [
            dict(row)
            for query in (late.order_by(inbox.c.id.desc()), new.order_by(inbox.c.id))
            for row in connection.execute(query.limit(PAGE)).mappings()
        ]
    return max([after, *(row["id"] for row in found)]), found


def purge(*, older_than: timedelta) -> int:
    """Delete decided events that happened and were received longer ago, a bounded number; return how many.

    An event dated in the future is kept on, for it could be sent again as long as it is not too old; but
    whatever its date, not for longer than that once more.
    """
    until = datetime.now(UTC) - older_than
    old = (
        select(inbox.c.id)
        .where(
            inbox.c.received_at < until,
            or_(inbox.c.happened_at < until, inbox.c.received_at < until - older_than),
            inbox.c.state != State.WAITING.value,
        )
        .order_by(inbox.c.received_at)
        .limit(PURGE_BATCH)
    )
    with transaction() as connection:
        ids = list(connection.scalars(old))
        if not ids:
            return 0
        # One that was refused may have been delivered again meanwhile.
        is_decided = inbox.c.state != State.WAITING.value
        return connection.execute(delete(inbox).where(inbox.c.id.in_(ids), is_decided)).rowcount
