"""Reading what a stranger sends: bounded in size, time and depth, and fit for every database."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from airflow_provider_damstra.webhooks.db.manager import MAX_NAME_LENGTH
from airflow_provider_damstra.webhooks.events import UnknownEvent, parse_event

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_damstra.webhooks.events import Event

LARGEST = 64 * 1024
SLOWEST_SECONDS = 10.0
DEEPEST = 20
LARGEST_NUMBER = 2**63


async def read_body(request: Request) -> bytes:
    """Return a request's body.

    :raises HTTPException: if it is no JSON by its headers, too large, too slow or broken off.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if not kind.endswith(("/json", "+json")) or "content-encoding" in request.headers:
        raise HTTPException(415, "Send JSON, not compressed.")
    if _announced(request) > LARGEST:
        raise HTTPException(413, f"The body is larger than {LARGEST} bytes.")
    try:
        async with asyncio.timeout(SLOWEST_SECONDS):
            return await _collect(request)
    except TimeoutError:
        raise HTTPException(408, f"The body took longer than {SLOWEST_SECONDS:.0f} s.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The body is not complete.") from None


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else LARGEST + 1


async def _collect(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise HTTPException(413, f"The body is larger than {LARGEST} bytes.")
    return bytes(body)


def event_in(body: bytes) -> tuple[Event | UnknownEvent, dict[str, Any]]:
    """Return the event in a body, and its payload as it is kept.

    :raises ValueError: if there is none, or it holds what cannot be kept.
    """
    event = parse_event(body)
    payload: dict[str, Any] = event.model_dump(mode="json")
    if not event.name or len(event.name) > MAX_NAME_LENGTH:
        raise ValueError(f"its name has no, or more than {MAX_NAME_LENGTH}, characters")
    _check(payload, depth=1)
    occurred_at_of(event)
    # What is kept is read again before it is confirmed: it must say the same then.
    kept = type(event).model_validate(payload)
    if any(getattr(kept, member) != getattr(event, member) for member in type(event).model_fields):
        raise ValueError("it says one thing twice, and differently")
    if "\\u0000" in json.dumps(payload):
        raise ValueError("it holds a NUL character")
    return event, payload


def occurred_at_of(event: Event | UnknownEvent) -> datetime | None:
    """Return when an event happened, if it says so.

    :raises ValueError: if that is no moment that a database knows.
    """
    if isinstance(event, UnknownEvent):
        return None
    try:
        return event.time_stamp.astimezone(UTC)
    except OverflowError:
        raise ValueError("its time is out of range") from None


def _check(value: Any, *, depth: int) -> None:
    if isinstance(value, (dict, list)):
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth=depth + 1)
    elif isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
        raise ValueError("it holds a number that no id can be")
