"""Outcomes of a claimed event: confirmed with asset events, refused as a dead letter, or retried."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from airflow_provider_damstra.assets import EVENT_NAMES
from airflow_provider_damstra.hooks.metrics import count_event
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.asset_events import asset_uris, register_asset_events
from airflow_provider_damstra.webhooks.database import transaction
from airflow_provider_damstra.webhooks.events import event_ids, verifiable_fields
from airflow_provider_damstra.webhooks.inbox import EventState

if TYPE_CHECKING:
    from airflow_provider_damstra.webhooks.inbox import InboxRow

MIN_RETRY_DELAY = timedelta(seconds=1)
MAX_RETRY_DELAY = timedelta(minutes=15)
MAX_RETRY_AGE = timedelta(days=3)
"""Time during which an event is retried while it cannot be verified."""

MAX_ATTEMPTS = 500
"""Limit of claims, above the retries in ``MAX_RETRY_AGE``: more claims than this ended without an outcome."""

log = logging.getLogger(__name__)


def confirm(row: InboxRow, *, confirmed_fields: Collection[str] | None) -> None:
    """Mark an event as confirmed and register its asset events, in one transaction.

    :param confirmed_fields: names of the payload's fields that the API confirmed; None if it was not asked.
    :raises InboxUnavailableError: if the database failed; then nothing was changed.
    """
    extra = _asset_event_extra(row, confirmed_fields)
    with transaction() as connection:
        # First, because the row's lock and version keep other processes from doing the same.
        if not inbox.mark_processed(row, EventState.CONFIRMED, connection=connection):
            return
        # A rollback of this session makes the commit of the transaction fail: there is no partial commit.
        with Session(connection, autoflush=False) as session:
            listeners = register_asset_events(
                asset_uris(row["name"], conn_id=row["conn_id"]),
                extra=extra,
                user_id=event_ids(extra["payload"])["user_id"],
                session=session,
            )
            session.flush()
    for notify in listeners:
        notify()
    count_event("confirmed", conn_id=row["conn_id"])


def _asset_event_extra(row: InboxRow, confirmed_fields: Collection[str] | None) -> dict[str, Any]:
    """Return the extra of an event's asset events, with the fields that nothing confirmed apart."""
    names = verifiable_fields(row["name"]) if confirmed_fields is None else confirmed_fields
    payload = {name: value for name, value in row["payload"].items() if name in names}
    return {
        "payload": payload,
        "unverified": {name: value for name, value in row["payload"].items() if name not in payload},
        "verified": confirmed_fields is not None,
        "source": row["source"],
        "received_at": row["received_at"].isoformat(),
    }


def refuse(row: InboxRow, reason: str) -> None:
    """Mark an event as refused, and log it as a warning.

    :raises InboxUnavailableError: if the database failed.
    """
    with transaction() as connection:
        is_current = inbox.mark_processed(row, EventState.REFUSED, reason=reason, connection=connection)
    if is_current:
        count_event("refused", conn_id=row["conn_id"])
        log.warning("Damstra webhooks: refused %s: %s.", describe(row), reason)


def retry_unverified(row: InboxRow, reason: str, *, patience: timedelta) -> None:
    """Retry an event that Damstra does not show yet with exponential backoff, or refuse it after `patience`.

    Only delays after responses count toward `patience`, not time during which Damstra or the database fails.

    :param patience: maximum sum of the delays before the event is refused.
    :raises InboxUnavailableError: if the database failed.
    """
    delay = _delay_after(row["mismatches"], patience=patience)
    if delay:
        inbox.release(row, until=datetime.now(UTC) + delay, reason=reason, is_mismatch=True)
    else:
        refuse(row, reason)


def _delay_after(mismatches: int, *, patience: timedelta) -> timedelta:
    """Return the next delay: doubled each time, and shortened so that the sum is at most the patience."""
    remaining, delay = patience, MIN_RETRY_DELAY
    for _ in range(mismatches):
        remaining -= delay
        delay = min(2 * delay, MAX_RETRY_DELAY)
    return max(min(delay, remaining), timedelta(0))


def retry_later(row: InboxRow, reason: str, *, retry_after: float | None = None) -> None:
    """Retry an event that could not be verified, or refuse it after ``MAX_RETRY_AGE``.

    :param retry_after: seconds to wait, as requested by the server.
    :raises InboxUnavailableError: if the database failed.
    """
    now = datetime.now(UTC)
    age: timedelta = now - row["waiting_since"]
    if age >= MAX_RETRY_AGE:
        refuse(row, f"it could not be confirmed for {MAX_RETRY_AGE.days} days, last because {reason}")
        return
    # A delay as long as the age so far doubles the age each time.
    delay = max(age, MIN_RETRY_DELAY, timedelta(seconds=retry_after or 0))
    inbox.release(row, until=now + min(delay, MAX_RETRY_DELAY), reason=reason)


def exhaustion_reason(row: InboxRow) -> str | None:
    """Return why a claimed event is not retried any more, or None if it is retried.

    This limits attempts that end without an outcome, such as those that crash the process.
    """
    if row["attempts"] <= MAX_ATTEMPTS or datetime.now(UTC) < row["waiting_since"] + MAX_RETRY_AGE:
        return None
    last = row["reason"] or "no attempt finished: check the API servers' logs for crashes"
    days = MAX_RETRY_AGE.days
    return f"it was not settled in {row['attempts']} attempts over {days} days, last because {last}"


def describe(row: InboxRow) -> str:
    """Return an event's description for logs; names and ids that a sender chose cannot forge log lines."""
    name = row["name"] if row["name"] in EVENT_NAMES else ascii(row["name"])
    ids = [f"{field} {value}" for field, value in event_ids(row["payload"]).items() if value is not None]
    return f"event {row['id']} of connection {row['conn_id']!r} ({', '.join([name, *ids])})"
