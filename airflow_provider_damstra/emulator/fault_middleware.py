"""The gate before the API: it lets faults strike and keeps the journal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, Response

from airflow_provider_damstra.emulator.faults import FaultKind, FaultRule
from airflow_provider_damstra.emulator.journal import Entry
from airflow_provider_damstra.emulator.rendering import JSON, json_response
from airflow_provider_damstra.emulator.settings import API

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_damstra.emulator.state import EmulatorState

ENTRY = "journal_entry"
TRANSPORT = "transport"

_WEB_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass
class _Answer:
    """What the application answers, held back until it is known whether it is sent."""

    start: Message = field(default_factory=dict)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    @property
    def status(self) -> int:
        status: int = self.start["status"]
        return status


class Gate:
    """ASGI middleware around the API; the control plane passes it untouched."""

    def __init__(self, app: ASGIApp, *, state: EmulatorState) -> None:
        self._app = app
        self._world = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{API}/"):
            await self._app(scope, receive, send)
            return
        # The vendor's own example asks for /user/?roleId=3.
        scope["path"] = scope["path"].rstrip("/")
        body = await _body(receive)
        if body is None:
            return
        entry = self._entry(scope, body)
        delay, rule = self._world.faults.strike(entry.method, entry.path)
        if delay:
            await asyncio.sleep(delay)
        await self._answer(scope, receive, send, entry, rule)

    def _entry(self, scope: Scope, body: bytes) -> Entry:
        return Entry(
            time=self._world.clock.now(),
            method=scope["method"],
            path=scope["path"].removeprefix(API),
            query=scope["query_string"].decode("latin-1"),
            raw_body=body,
        )

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, entry: Entry, rule: FaultRule | None
    ) -> None:
        kind = rule.kind if rule else None
        entry.fault = kind
        instead = _answer_instead(rule) if rule else None
        answer = _Answer()
        if instead is not None:
            await instead(scope, receive, answer.take)
        elif kind != FaultKind.DROP_BEFORE:
            await self._app(_with_entry(scope, entry), _replay(entry.raw_body), answer.take)
        entry.status = answer.status if answer.start else None
        self._world.journal.add(entry)
        if kind in (FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER):
            await _hang_up(scope, receive)
        elif kind == FaultKind.TRUNCATE:
            await _send_half(answer, scope, receive, send)
        else:
            await send(answer.start)
            await send({"type": "http.response.body", "body": answer.body})


def _answer_instead(rule: FaultRule) -> Response | None:
    """Return what a rule answers without the request being handled, or None."""
    if rule.kind == FaultKind.HTML:
        return HTMLResponse(_WEB_PAGE, status_code=rule.status or 502, headers=rule.headers)
    if rule.kind != FaultKind.STATUS:
        return None
    status = rule.status or 500
    if isinstance(rule.body, str) or rule.body is None:
        response = Response(rule.body or "", status_code=status, media_type=JSON)
    else:
        response = json_response(rule.body, status=status)
    response.headers.update(rule.headers)
    return response


def _with_entry(scope: Scope, entry: Entry) -> Scope:
    return {**scope, "state": {**scope.get("state", {}), ENTRY: entry}}


async def _body(receive: Receive) -> bytes | None:
    """Return the request's body, or None if the client went away before it had sent all of it."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _transport(scope: Scope) -> asyncio.Transport:
    transport: Any = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise RuntimeError("this fault needs the emulator's own server, which hands over the connection")
    return transport  # type: ignore[no-any-return]


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection; nothing more of what is waiting to be sent goes out."""
    _transport(scope).abort()
    await _until_closed(receive)


async def _send_half(answer: _Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Announce the whole body, send half of it and close the connection."""
    body = answer.body or b" "
    headers = MutableHeaders(raw=list(answer.start["headers"]))
    headers["content-length"] = str(len(body))
    await send({**answer.start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    _transport(scope).close()
    await _until_closed(receive)


async def _until_closed(receive: Receive) -> None:
    # The server complains of an answer that is missing unless it knows that the connection is gone.
    while (await receive())["type"] != "http.disconnect":
        pass
