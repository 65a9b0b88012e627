"""Events in the inbox, in a state."""

from __future__ import annotations

import itertools
from typing import Any

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.database import inbox_table, transaction
from airflow_provider_damstra.webhooks.inbox import EventState
from tests.pages.conftest import CONN_ID

_keys = itertools.count()


def add_event(
    state: EventState = EventState.WAITING,
    *,
    conn_id: str = CONN_ID,
    name: str = "lesson.schedule.completed",
    **values: Any,
) -> int:
    """Insert an event and return its id.

    :param values: other columns of its row.
    """
    payload = {"name": name, "lesson_schedule_id": 1233, "user_id": 1023}
    inbox.insert(conn_id=conn_id, name=name, dedup_key=str(next(_keys)), payload=payload, source="webhook")
    event_id: int = inbox.list_events(limit=1)[0]["id"]
    with transaction() as connection:
        update = inbox_table.update().where(inbox_table.c.id == event_id)
        connection.execute(update.values(state=state.value, **values))
    return event_id


def event_of(event_id: int) -> dict[str, Any]:
    """Return an event's row."""
    return next(row for row in inbox.list_events() if row["id"] == event_id)
