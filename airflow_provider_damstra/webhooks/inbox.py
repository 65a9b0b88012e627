"""Inbox pattern: store each received event once, and process it later, with a lease, at least once.

Events are stored in Airflow's metadata database, where they are unique by connection and deduplication key.
Workers of any process claim due events under a lease and mark them as confirmed or refused. Each function is
one transaction, safe with concurrent processes, on every database that Airflow supports.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError

from airflow_provider_damstra.webhooks.database import InboxUnavailableError, transaction
from airflow_provider_damstra.webhooks.database import inbox_table as table
from airflow_provider_damstra.webhooks.events import event_ids

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection

MAX_REDELIVERIES = 5
"""Maximum number of redeliveries that reopen a refused event."""

FEED_OVERLAP = timedelta(seconds=15)
"""The feed repeats rows younger than this: a row can become visible after rows with greater ids."""

INSERT_ATTEMPTS = 3
MAX_ROWS = 1000
MAX_REASON_LENGTH = 10_000
PURGE_BATCH_SIZE = 500

InboxRow = dict[str, Any]


class EventState(StrEnum):
    """Processing state of an event. A refused event is the inbox's dead letter."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class InsertResult(StrEnum):
    """Whether a delivery was stored, or was already in the inbox."""

    RECEIVED = "received"
    DUPLICATE = "duplicate"


_IS_WAITING = table.c.state == EventState.WAITING.value
_IS_REFUSED = table.c.state == EventState.REFUSED.value


def insert(
    *,
    conn_id: str,
    name: str,
    dedup_key: str,
    payload: dict[str, Any],
    source: str,
    occurred_at: datetime | None = None,
    polling_dedup_key: str | None = None,
) -> InsertResult:
    """Insert an event unless it is a duplicate; commit before returning.

    A duplicate of a refused event reopens it, at most ``MAX_REDELIVERIES`` times.

    :param dedup_key: equal for all deliveries of one event.
    :param occurred_at: the event's own time, if it has one.
    :param polling_dedup_key: the key of the same event if polling found it first.
    :raises InboxUnavailableError: if the event cannot be stored now.
    :raises UnstorableEventError: if the database rejects the event's content.
    """
    now = datetime.now(UTC)
    row = {
        "conn_id": conn_id,
        "name": name,
        "dedup_key": dedup_key,
        "payload": payload,
        "lesson_schedule_id": event_ids(payload)["lesson_schedule_id"],
        "source": source,
        "attempts": 0,
        "redeliveries": 0,
        "occurred_at": occurred_at or now,
        "received_at": now,
        **initial_state(now),
    }
    found_by_polling = select(table.c.id).where(*_has_key(conn_id, polling_dedup_key), ~_IS_REFUSED)
    for _ in range(INSERT_ATTEMPTS):
        try:
            with transaction() as connection:
                if polling_dedup_key and connection.scalar(found_by_polling):
                    return InsertResult.DUPLICATE
                connection.execute(table.insert().values(row))
            return InsertResult.RECEIVED
        except IntegrityError:
            # The conflicting row may have been purged since; then the next insert succeeds.
            if result := reopen(conn_id, dedup_key, now=now):
                return result
    raise InboxUnavailableError(
        "Airflow's metadata database rejects the event, although it has no such event."
    )


def initial_state(now: datetime) -> InboxRow:
    """Return the columns of an event that waits for its first attempt."""
    return {
        "state": EventState.WAITING.value,
        "waiting_since": now,
        "next_attempt_at": now,
        "reason": None,
        "processed_at": None,
        "mismatches": 0,
    }


def reopen(conn_id: str, dedup_key: str, *, now: datetime) -> InsertResult | None:
    """Set a refused event back to waiting because it was delivered again.

    :returns: ``RECEIVED`` if it was reopened, ``DUPLICATE`` if it is left unchanged, None if it does not
        exist.
    """
    same = _has_key(conn_id, dedup_key)
    update = (
        table.update()
        .where(*same, _IS_REFUSED, table.c.redeliveries < MAX_REDELIVERIES)
        .values(**initial_state(now), redeliveries=table.c.redeliveries + 1)
    )
    with transaction() as connection:
        if connection.execute(update).rowcount:
            return InsertResult.RECEIVED
        return InsertResult.DUPLICATE if connection.scalar(select(table.c.id).where(*same)) else None


def _has_key(conn_id: str, dedup_key: str | None) -> tuple[ColumnElement[bool], ...]:
    return table.c.conn_id == conn_id, table.c.dedup_key == dedup_key


def find_by_schedule(lesson_schedule_id: int, *, conn_id: str, name: str) -> list[InboxRow]:
    """Return the newest events of a name about one lesson schedule, in any state, at most ``MAX_ROWS``."""
    query = select(table).where(
        table.c.conn_id == conn_id,
        table.c.lesson_schedule_id == lesson_schedule_id,
        table.c.name == name,
    )
    return _fetch(query.order_by(table.c.id.desc()).limit(MAX_ROWS))


def find_by_keys(conn_id: str, dedup_keys: Collection[str]) -> InboxRow | None:
    """Return the newest event with one of the deduplication keys, in any state."""
    query = select(table).where(table.c.conn_id == conn_id, table.c.dedup_key.in_(dedup_keys))
    return next(iter(_fetch(query.order_by(table.c.id.desc()).limit(1))), None)


def _fetch(query: Select[Any]) -> list[InboxRow]:
    with transaction() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def claim(*, limit: int, lease: timedelta) -> list[InboxRow]:
    """Lease due events to this process and return them; no other process gets them until the lease expires.

    ``attempts`` is the version of the claim: :func:`mark_processed` and :func:`release` change a row only
    while it is unchanged.
    """
    now = datetime.now(UTC)
    due = (
        select(table)
        .where(_IS_WAITING, table.c.next_attempt_at <= now)
        .order_by(table.c.next_attempt_at, table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = []
    with transaction() as connection:
        for row in connection.execute(due).mappings().all():
            attempts = row["attempts"] + 1
            # SQLite has no row locks: the condition makes the update fail if another process was faster.
            update = (
                table.update().where(*_is_current(row)).values(attempts=attempts, next_attempt_at=now + lease)
            )
            if connection.execute(update).rowcount:
                claimed.append({**row, "attempts": attempts})
    return claimed


def _is_current(row: Any) -> tuple[ColumnElement[bool], ...]:
    return table.c.id == row["id"], table.c.attempts == row["attempts"], _IS_WAITING


def mark_processed(
    row: InboxRow, state: EventState, *, reason: str | None = None, connection: Connection
) -> bool:
    """Set a claimed event to confirmed or refused, and return whether this process still held it.

    :param connection: the transaction to do it in.
    """
    values = {"state": state.value, "reason": storable(reason), "processed_at": datetime.now(UTC)}
    return bool(connection.execute(table.update().where(*_is_current(row)).values(values)).rowcount)


def release(row: InboxRow, *, until: datetime, reason: str, is_mismatch: bool = False) -> None:
    """Release the lease of a claimed event and make it due again at `until`.

    :param reason: why it was not processed.
    :param is_mismatch: count it as a check to which Damstra responded without confirming the event.
    """
    values = {
        "next_attempt_at": until,
        "reason": storable(reason),
        "mismatches": row["mismatches"] + int(is_mismatch),
    }
    with transaction() as connection:
        connection.execute(table.update().where(*_is_current(row)).values(values))


def storable(reason: str | None) -> str | None:
    """Escape what some databases reject (NUL, lone surrogates): a reason may quote a server's response."""
    if reason is None:
        return None
    return reason.encode(errors="backslashreplace").decode().replace("\0", "\\0")[:MAX_REASON_LENGTH]


def count_waiting() -> int:
    """Return the number of waiting events."""
    query = select(func.count()).select_from(table).where(_IS_WAITING)
    with transaction() as connection:
        return int(connection.scalar(query) or 0)


def list_events(
    *,
    conn_id: str | None = None,
    states: tuple[EventState, ...] = tuple(EventState),
    limit: int | None = 100,
) -> list[InboxRow]:
    """Return events, the newest first.

    :param conn_id: only those of a connection.
    :param states: only those in one of these states.
    :param limit: maximum number of events; None for all.
    """
    query = select(table).where(table.c.state.in_([state.value for state in states]))
    if conn_id is not None:
        query = query.where(table.c.conn_id == conn_id)
    return _fetch(query.order_by(table.c.id.desc()).limit(limit))


def read_feed(conn_id: str, *, after: int | None) -> tuple[int, list[InboxRow]]:
    """Return the next cursor and the events received after a cursor, in any state.

    Events of the last ``FEED_OVERLAP`` are repeated; the client drops the ids that it has seen.

    :param after: a cursor; None returns the present one and no events.
    """
    if after is None:
        newest = select(func.max(table.c.id).label("id")).where(table.c.conn_id == conn_id)
        return _fetch(newest)[0]["id"] or 0, []
    query = select(table.c.id, table.c.name, table.c.payload).where(table.c.conn_id == conn_id)
    is_recent = table.c.received_at > datetime.now(UTC) - FEED_OVERLAP
    repeated = query.where(table.c.id <= after, is_recent).order_by(table.c.id.desc())
    new = query.where(table.c.id > after).order_by(table.c.id)
    with transaction() as connection:
        parts = [connection.execute(part.limit(MAX_ROWS)).mappings().all() for part in (repeated, new)]
    rows = [dict(row) for part in parts for row in part]
    return max([after, *(row["id"] for row in rows)]), rows


def purge_expired(*, retention: timedelta) -> int:
    """Delete processed events that occurred and were received longer ago than `retention`.

    An event dated in the future is kept longer, because it could be replayed until its date is too old, but
    never longer than twice the retention.

    :returns: the number of deleted events, at most ``PURGE_BATCH_SIZE``.
    """
    cutoff = datetime.now(UTC) - retention
    expired = (
        select(table.c.id)
        .where(
            ~_IS_WAITING,
            table.c.received_at < cutoff,
            or_(table.c.occurred_at < cutoff, table.c.received_at < cutoff - retention),
        )
        .order_by(table.c.received_at)
        .limit(PURGE_BATCH_SIZE)
    )
    with transaction() as connection:
        # Two statements, because MySQL has no LIMIT in subqueries; between them an event may be reopened.
        if not (ids := list(connection.scalars(expired))):
            return 0
        return connection.execute(table.delete().where(table.c.id.in_(ids), ~_IS_WAITING)).rowcount
