"""Bodies of the webhook events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator.clock import milliseconds_in_utc
from airflow_provider_damstra.webhooks.events import body_fields

if TYPE_CHECKING:
    from datetime import datetime


def event(name: str, *values: object, at: datetime) -> dict[str, str]:
    """Return an event's body: all fields are strings, ids too."""
    held = zip(body_fields(name), map(str, values), strict=True)
    return {"name": name, **dict(held), "timeStamp": milliseconds_in_utc(at)}
