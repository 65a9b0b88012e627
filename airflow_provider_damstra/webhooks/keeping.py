"""Keeping an event once, whether a webhook brings it, or polling sees it, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.webhooks import inbox
from airflow_provider_damstra.webhooks.bodies import moment_of
from airflow_provider_damstra.webhooks.confirming import known_event
from airflow_provider_damstra.webhooks.inbox import Delivery

if TYPE_CHECKING:
    from airflow_provider_damstra.webhooks.events import Event, UnknownEvent

WEBHOOK = "webhook"
POLLING = "polling"
"""Who says that something has happened."""


def keep_event(
    event: Event | UnknownEvent, payload: dict[str, Any], *, conn_id: str, source: str
) -> Delivery:
    """Keep an event, unless it is there already.

    What polling sees has no moment of its own, so it is compared by what happened to which schedule. It and a
    webhook that are received in the same instant can still become two: who polls waits a while before it
    calls an event missed.

    :raises InboxUnavailableError: if it could not be kept now.
    :raises UnstorableEventError: if it can never be kept.
    """
    occurrence = event.occurrence()
    is_seen = source == POLLING and occurrence is not None
    if is_seen and _was_brought(event.name, payload["lesson_schedule_id"], occurrence, conn_id=conn_id):
        return Delivery.DUPLICATE
    return inbox.keep(
        conn_id=conn_id,
        name=event.name,
        digest=occurrence if is_seen and occurrence else event.digest(),
        payload=payload,
        source=source,
        happened_at=moment_of(event),
        occurrence=occurrence,
    )


def _was_brought(name: str, lesson_schedule_id: int, occurrence: str | None, *, conn_id: str) -> bool:
    payloads = inbox.about_schedule(lesson_schedule_id, conn_id=conn_id, name=name)
    events = [known_event(name, payload) for payload in payloads]
    return any(event.occurrence() == occurrence for event in events if event)
