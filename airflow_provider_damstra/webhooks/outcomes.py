"""What becomes of one kept event: confirmed and turned into asset events, refused, or left for later."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from airflow_provider_damstra.assets import EVENT_NAMES
from airflow_provider_damstra.hooks.metrics import count_event
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.asset_events import update_assets
from airflow_provider_damstra.webhooks.db.transactions import transaction
from airflow_provider_damstra.webhooks.inbox import EventState

if TYPE_CHECKING:
    from airflow_provider_damstra.webhooks.inbox import Row

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=15)
GIVE_UP = timedelta(days=3)
"""How long an event waits for Damstra to answer at all."""

MOST_ATTEMPTS = 500
"""More than it takes to wait that long: who needed more was taken again and again, and never let go."""

log = logging.getLogger(__name__)


def accept(row: Row, *, is_verified: bool) -> None:
    """Confirm an event and update its assets, in one transaction: both, once, or neither.

    :raises InboxUnavailableError: if the database failed: neither happened.
    """
    extra = {
        "payload": row["payload"],
        "source": row["source"],
        "received_at": row["received_at"].isoformat(),
        "verified": is_verified,
    }
    with transaction() as connection:
        # This comes first, so that no other process can do the same.
        if not inbox.mark_processed(row, EventState.CONFIRMED, connection=connection):
            return
        # What rolls back this session makes the commit fail: nothing is committed by halves.
        with Session(connection, autoflush=False) as session:
            later = update_assets(
                row["name"],
                conn_id=row["conn_id"],
                extra=extra,
                user_id=row["payload"].get("user_id"),
                session=session,
            )
            session.flush()
    for listener in later:
        listener()
    count_event("confirmed", conn_id=row["conn_id"])


def refuse(row: Row, reason: str) -> None:
    """Refuse an event, and say so.

    :raises InboxUnavailableError: if the database failed.
    """
    with transaction() as connection:
        is_ours = inbox.mark_processed(row, EventState.REFUSED, reason=reason, connection=connection)
    if is_ours:
        count_event("refused", conn_id=row["conn_id"])
        log.warning("Damstra webhooks: refused %s: %s.", describe(row), reason)


def contradicted(row: Row, reason: str, *, patience: timedelta) -> None:
    """Look again a little later at what Damstra does not show yet; when patience is over, refuse it.

    Patience is the pauses between looks that were answered: while nobody could look, none of it is spent.

    :raises InboxUnavailableError: if the database failed.
    """
    pause = _pause_after(row["mismatches"], patience=patience)
    if pause:
        inbox.release(row, until=datetime.now(UTC) + pause, reason=reason, is_mismatch=True)
    else:
        refuse(row, reason)


def _pause_after(answers: int, *, patience: timedelta) -> timedelta:
    """Return how long to pause after so many answers and this one: twice as long each time, until the end."""
    left, pause = patience, SHORTEST_PAUSE
    for _ in range(answers):
        left -= pause
        pause = min(2 * pause, LONGEST_PAUSE)
    return max(min(pause, left), timedelta(0))


def given_up(row: Row) -> str | None:
    """Return why a claimed event is not looked at once more, or None if it is.

    This is for looks that never end, because of what they do to the process: nobody lives to count those.
    """
    if row["attempts"] <= MOST_ATTEMPTS or datetime.now(UTC) < row["waiting_since"] + GIVE_UP:
        return None
    last = row["reason"] or "no attempt came to its end: look for crashes in the API servers' logs"
    return f"it was not settled in {row['attempts']} attempts over {GIVE_UP.days} days, last because {last}"


def failed(row: Row, reason: str, *, retry_after: float | None = None) -> None:
    """Leave an event for later because it could not be told whether it is so; after days, refuse it.

    :param retry_after: seconds that the server asked for.
    :raises InboxUnavailableError: if the database failed.
    """
    now = datetime.now(UTC)
    if now >= row["waiting_since"] + GIVE_UP:
        refuse(row, f"it could not be confirmed for {GIVE_UP.days} days, last because {reason}")
    else:
        asked = now + min(timedelta(seconds=retry_after or 0), LONGEST_PAUSE)
        inbox.release(row, until=max(_next_look(row), asked), reason=reason)


def describe(row: Row) -> str:
    """Return which event it is, for a log: nothing that a stranger chose can pass for another line."""
    name = row["name"] if row["name"] in EVENT_NAMES else ascii(row["name"])
    ids = [(of, row["payload"].get(of)) for of in ("lesson_schedule_id", "user_id")]
    known = "".join(f", {of} {value}" for of, value in ids if type(value) is int)
    return f"event {row['id']} of connection {row['conn_id']!r} ({name}{known})"


def _next_look(row: Row) -> datetime:
    """Return when to look again: after as long as it has waited, so that the pauses double."""
    now = datetime.now(UTC)
    waited: timedelta = now - row["waiting_since"]
    return now + min(max(waited, SHORTEST_PAUSE), LONGEST_PAUSE)
