"""Parsing of request bodies from untrusted senders, with limits on size, time, depth and values."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from airflow_provider_damstra.webhooks.db.manager import MAX_NAME_LENGTH
from airflow_provider_damstra.webhooks.events import UnknownEvent, parse_event

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_damstra.webhooks.events import Event

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_SECONDS = 10.0
MAX_NESTING = 20
MAX_INTEGER = 2**63 - 1
"""The greatest value of a database's BIGINT."""


async def read_body(request: Request) -> bytes:
    """Read a request's body.

    :raises HTTPException: 415 if its headers do not declare plain JSON, 413 if it is too large, 408 if it
        takes too long, 400 if it is incomplete.
    """
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if not media_type.endswith(("/json", "+json")) or "content-encoding" in request.headers:
        raise HTTPException(415, "Send JSON, not compressed.")
    if _content_length(request) > MAX_BODY_BYTES:
        raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            return await _read_chunks(request)
    except TimeoutError:
        raise HTTPException(408, f"The body took longer than {BODY_TIMEOUT_SECONDS:.0f} s.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The body is not complete.") from None


def _content_length(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else MAX_BODY_BYTES + 1


async def _read_chunks(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    return bytes(body)


def parse_body(body: bytes) -> tuple[Event | UnknownEvent, dict[str, Any]]:
    """Parse and validate the event in a body.

    :returns: the event, and its payload as the inbox stores it.
    :raises ValueError: if it is not an event, or has values that cannot be stored.
    """
    event = parse_event(body)
    payload: dict[str, Any] = event.model_dump(mode="json")
    if not event.name or len(event.name) > MAX_NAME_LENGTH:
        raise ValueError(f"its name has no, or more than {MAX_NAME_LENGTH}, characters")
    _validate_values(payload, depth=1)
    event.occurred_at()  # raises ValueError if no database can store it
    # The payload is parsed again before verification: fields given in two spellings must agree.
    stored = type(event).model_validate(payload)
    if any(getattr(stored, field) != getattr(event, field) for field in type(event).model_fields):
        raise ValueError("it has two different values for one field")
    if "\\u0000" in json.dumps(payload):
        raise ValueError("it has a NUL character")
    return event, payload


def _validate_values(value: Any, *, depth: int) -> None:
    if isinstance(value, (dict, list)):
        if depth > MAX_NESTING:
            raise ValueError(f"it is nested more than {MAX_NESTING} deep")
        for item in value.values() if isinstance(value, dict) else value:
            _validate_values(item, depth=depth + 1)
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError("it has a number greater than any id")
