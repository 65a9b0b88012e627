"""Numbers of events in the inbox, and single events, for pages about it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from airflow_provider_damstra.webhooks.database import inbox_table as table
from airflow_provider_damstra.webhooks.database import transaction
from airflow_provider_damstra.webhooks.inbox import EventState

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from airflow_provider_damstra.webhooks.inbox import InboxRow

OPEN_STATES = (EventState.WAITING, EventState.REFUSED)
"""States that need attention; there are few such events."""


def count_open_events() -> dict[str, dict[EventState, int]]:
    """Return the numbers of waiting and refused events by connection id."""
    return _count(table.c.state.in_([state.value for state in OPEN_STATES]))


def count_processed_events(*, since: datetime) -> dict[str, dict[EventState, int]]:
    """Return the numbers of events that were confirmed or refused since a time, by connection id."""
    return _count(table.c.processed_at >= since)


def _count(condition: ColumnElement[bool]) -> dict[str, dict[EventState, int]]:
    query = (
        select(table.c.conn_id, table.c.state, func.count())
        .where(condition)
        .group_by(table.c.conn_id, table.c.state)
    )
    counts: dict[str, dict[EventState, int]] = defaultdict(dict)
    with transaction() as connection:
        for conn_id, state, count in connection.execute(query):
            counts[conn_id][EventState(state)] = count
    return counts


def find_conn_id(event_id: int) -> str | None:
    """Return the connection id of an event, or None if there is no such event."""
    with transaction() as connection:
        conn_id: str | None = connection.scalar(select(table.c.conn_id).where(table.c.id == event_id))
        return conn_id


def list_open_events(
    conn_ids: Collection[str], *, states: Collection[EventState], limit: int
) -> list[InboxRow]:
    """Return the newest events of some connections in some states.

    :param limit: maximum number of events.
    """
    query = (
        select(table)
        .where(table.c.conn_id.in_(conn_ids), table.c.state.in_([state.value for state in states]))
        .order_by(table.c.id.desc())
        .limit(limit)
    )
    with transaction() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
