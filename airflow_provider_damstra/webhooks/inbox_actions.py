"""Actions of a person on events in the inbox, and the states in which each is allowed.

A confirmed event allows none: a retry would update its assets again, and its row is what makes a redelivery a
duplicate, until it has expired (``inbox_retention``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select

from airflow_provider_damstra.hooks.metrics import count_event
from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.database import inbox_table as table
from airflow_provider_damstra.webhooks.database import transaction
from airflow_provider_damstra.webhooks.inbox import MAX_REDELIVERIES, EventState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete, Update

BATCH_SIZE = 500
"""Number of events that one transaction changes."""


class InboxAction(StrEnum):
    """What a person can do with an event."""

    RETRY = "retry"
    REFUSE = "refuse"
    PURGE = "purge"


ALLOWED_STATES: dict[InboxAction, tuple[EventState, ...]] = {
    InboxAction.RETRY: (EventState.WAITING, EventState.REFUSED),
    InboxAction.REFUSE: (EventState.WAITING,),
    InboxAction.PURGE: (EventState.REFUSED,),
}


@dataclass
class ActionResult:
    """Ids of events that an action changed, and the state of those in which it is not allowed.

    :param changed: ids of changed events.
    :param rejected: the state by id; None if there is no such event.
    """

    changed: list[int] = field(default_factory=list)
    rejected: dict[int, EventState | None] = field(default_factory=dict)


def retry_events(event_ids: Iterable[int]) -> ActionResult:
    """Make waiting and refused events due now, as if they had just been received.

    :raises InboxUnavailableError: if the database failed; earlier batches are changed.
    """
    values = {**inbox.initial_state(datetime.now(UTC)), "redeliveries": 0}
    return _run(InboxAction.RETRY, table.update().values(values), event_ids)


def refuse_events(event_ids: Iterable[int], *, reason: str) -> ActionResult:
    """Refuse waiting events permanently: a redelivery does not reopen them.

    A worker that is verifying such an event discards its result.

    :param reason: who refused them and why.
    :raises InboxUnavailableError: if the database failed; earlier batches are changed.
    """
    values = {
        "state": EventState.REFUSED.value,
        "reason": inbox.storable(reason),
        "processed_at": datetime.now(UTC),
        "redeliveries": MAX_REDELIVERIES,
    }
    return _run(InboxAction.REFUSE, table.update().values(values), event_ids)


def purge_events(event_ids: Iterable[int]) -> ActionResult:
    """Delete refused events; if one is delivered again, it is a new event.

    :raises InboxUnavailableError: if the database failed; earlier batches are deleted.
    """
    return _run(InboxAction.PURGE, table.delete(), event_ids)


def find_event_ids(
    action: InboxAction,
    *,
    conn_id: str | None = None,
    name: str | None = None,
    received_before: datetime | None = None,
) -> list[int]:
    """Return the ids of the events that an action is allowed on, the oldest first.

    :param conn_id: only those of a connection.
    :param name: only those of a name.
    :param received_before: only those received earlier.
    """
    query = select(table.c.id).where(_is_allowed(action))
    for column, value in ((table.c.conn_id, conn_id), (table.c.name, name)):
        if value is not None:
            query = query.where(column == value)
    if received_before is not None:
        query = query.where(table.c.received_at < received_before)
    with transaction() as connection:
        return list(connection.scalars(query.order_by(table.c.id)))


def _is_allowed(action: InboxAction) -> ColumnElement[bool]:
    return table.c.state.in_([state.value for state in ALLOWED_STATES[action]])


def _run(action: InboxAction, statement: Update | Delete, event_ids: Iterable[int]) -> ActionResult:
    result = ActionResult()
    for batch in _batches(sorted(set(event_ids))):
        _run_batch(action, statement, batch, result)
    return result


def _batches(event_ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(event_ids), BATCH_SIZE):
        yield event_ids[start : start + BATCH_SIZE]


def _run_batch(
    action: InboxAction, statement: Update | Delete, event_ids: list[int], result: ActionResult
) -> None:
    """Execute a statement for each event in an allowed state, in one transaction, and add to the result."""
    found = select(table.c.id, table.c.conn_id, table.c.state).where(table.c.id.in_(event_ids))
    changed = []
    with transaction() as connection:
        rows = {row["id"]: row for row in connection.execute(found).mappings()}
        for event_id in filter(rows.__contains__, event_ids):
            # The condition on the state, because a worker may have settled the event since it was read.
            if connection.execute(statement.where(table.c.id == event_id, _is_allowed(action))).rowcount:
                changed.append(event_id)
        unchanged = set(event_ids) - set(changed)
        states = {row.id: row.state for row in connection.execute(found.where(table.c.id.in_(unchanged)))}
    result.changed += changed
    result.rejected |= {
        event_id: EventState(states[event_id]) if event_id in states else None
        for event_id in sorted(unchanged)
    }
    if action is InboxAction.REFUSE:
        for event_id in changed:
            count_event("refused", conn_id=rows[event_id]["conn_id"])
