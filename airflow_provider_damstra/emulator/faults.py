"""Fault injection: rules, and an ASGI middleware that injects server and network faults into API requests.

The middleware is not a ``BaseHTTPMiddleware``, because it must close the connection in the middle of a
response.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, PrivateAttr, model_validator
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from airflow_provider_damstra.emulator.access import has_access_key
from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.emulator.journal import JournalEntry
from airflow_provider_damstra.emulator.rendering import JSON, json_response
from airflow_provider_damstra.emulator.routing import match_route
from airflow_provider_damstra.emulator.settings import API_PREFIX
from airflow_provider_damstra.endpoints.base import RequestModel

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_damstra.emulator.state import EmulatorState

# The key in the scope's state under which the server provides the connection's transport.
TRANSPORT = "transport"

_ERROR_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class FaultKind(StrEnum):
    """Kind of a fault.

    ``drop_before`` and ``drop_after`` close the connection before or after the request is handled;
    ``truncate`` closes it in the middle of the response body; ``html`` responds with a proxy's error page.
    """

    STATUS = "status"
    DELAY = "delay"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    TRUNCATE = "truncate"
    HTML = "html"


class FaultRule(RequestModel):
    """Rule that injects a fault into matching requests.

    :param kind: the fault.
    :param method: HTTP method of the requests; None matches all.
    :param path: path of the requests below the API's prefix, may contain ``*``; None matches all.
    :param count: the number of requests that fail; None is unlimited.
    :param probability: probability that a matching request fails, from 0 to 1; None is 1.
    :param seed: seed of the random numbers for ``probability``, so that tests are repeatable.
    :param status: for ``status`` and ``html``: the status of the response.
    :param body: for ``status``: the body of the response, a string or any JSON value.
    :param delay: seconds to wait before the request is handled.
    """

    kind: FaultKind
    method: str | None = None
    path: str | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int = 0
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None
    delay: Annotated[float, Field(ge=0)] = 0.0
    _random: random.Random = PrivateAttr()
    _hits: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _validate_required(self) -> Self:
        if self.kind == FaultKind.STATUS and self.status is None:
            raise ValueError("a fault of the kind status needs a status")
        if self.kind == FaultKind.DELAY and not self.delay:
            raise ValueError("a fault of the kind delay needs a delay")
        return self

    def model_post_init(self, context: Any) -> None:
        """Seed the rule's random numbers."""
        self._random = random.Random(self.seed)  # noqa: S311 (repeatable, not secret)

    def match_and_count(self, method: str, path: str) -> bool:
        """Return whether the rule applies to a request, and count it as a hit if it does."""
        if self.count is not None and self._hits >= self.count:
            return False
        if not match_route(self.method, self.path, method, path):
            return False
        if self.probability is not None and self._random.random() >= self.probability:
            return False
        self._hits += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """Return the rule and its number of hits as the control plane's JSON."""
        return {**self.model_dump(mode="json", by_alias=True, exclude_none=True), "hits": self._hits}


def apply_rules(rules: list[FaultRule], method: str, path: str) -> tuple[float, FaultRule | None]:
    """Return the delay of a request in seconds, and the first rule with another fault."""
    delay = 0.0
    for rule in rules:
        if rule.match_and_count(method, path):
            delay += rule.delay
            if rule.kind != FaultKind.DELAY:
                return delay, rule
    return delay, None


@dataclass
class _BufferedResponse:
    """A response that is buffered, because a fault may replace, truncate or drop it."""

    start: Message = field(default_factory=dict)
    body: bytes = b""

    async def buffer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")


class FaultMiddleware:
    """ASGI middleware that journals API requests, limits their rate and injects faults.

    The control plane is excluded.
    """

    def __init__(self, app: ASGIApp, *, state: EmulatorState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record a request in the journal, apply the matching rules, and send the response."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{API_PREFIX}/"):
            await self._app(scope, receive, send)
            return
        # Damstra's own example requests /user/?roleId=3.
        scope["path"] = scope["path"].rstrip("/")
        journal = self._state.journal
        request = Request(scope, receive)
        try:
            # Without the key, nothing is read or kept of a request that may come from another machine.
            body = await request.body() if has_access_key(request, self._state.settings) else b""
        except ClientDisconnect:
            return
        entry = JournalEntry(
            time=format_utc_milliseconds(self._state.clock.now()),
            method=request.method,
            path=scope["path"].removeprefix(API_PREFIX),
            query=dict(request.query_params),
            body=body,
        )
        rejection = self._state.rate_limit.reject() if self._state.rate_limit else None
        rules = [] if rejection else self._state.faults
        delay, rule = apply_rules(rules, entry.method, entry.path)
        if delay:
            await asyncio.sleep(delay)
        if journal is not self._state.journal:
            # The emulator was reset meanwhile: the request must not affect or read the new state.
            await _abort(scope, receive)
            return
        entry.fault = rule.kind if rule else None
        replacement = rejection or (_injected_response(rule) if rule else None)
        response = await self._create_response(request, replacement, entry)
        entry.status = response.start.get("status")
        self._state.record(entry)
        await _send(response, entry.fault, scope, receive, send)

    async def _create_response(
        self, request: Request, replacement: Response | None, entry: JournalEntry
    ) -> _BufferedResponse:
        """Return the application's response, unless it is replaced or a fault drops the request."""
        response = _BufferedResponse()
        if replacement is not None:
            await replacement(request.scope, request.receive, response.buffer)
        elif entry.fault != FaultKind.DROP_BEFORE:
            request.state.journal_entry = entry
            await self._app(request.scope, _replay(entry.body), response.buffer)
        return response


def _injected_response(rule: FaultRule) -> Response | None:
    """Return the response with which a rule replaces the application's, or None."""
    if rule.kind == FaultKind.HTML:
        return HTMLResponse(_ERROR_PAGE, status_code=rule.status or 502, headers=rule.headers)
    if rule.kind != FaultKind.STATUS:
        return None
    status = rule.status or 500
    if isinstance(rule.body, str) or rule.body is None:
        response = Response(rule.body or "", status_code=status, media_type=JSON)
    else:
        response = json_response(rule.body, status=status)
    response.headers.update(rule.headers)
    return response


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _send(
    response: _BufferedResponse, fault: str | None, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send a response in full or truncated, or close the connection without one."""
    if fault in (FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER):
        await _abort(scope, receive)
    elif fault == FaultKind.TRUNCATE:
        await _send_truncated(response, scope, receive, send)
    else:
        await send(response.start)
        await send({"type": "http.response.body", "body": response.body})


async def _abort(scope: Scope, receive: Receive) -> None:
    """Close the connection without a response."""
    _transport(scope).abort()
    await _wait_until_disconnected(receive)


async def _send_truncated(response: _BufferedResponse, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the whole body's Content-Length, but only half of the body, and close the connection."""
    body = response.body or b" "
    headers = MutableHeaders(raw=list(response.start["headers"]))
    headers["content-length"] = str(len(body))
    await send({**response.start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    _transport(scope).close()
    await _wait_until_disconnected(receive)


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport | None = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise RuntimeError("this fault needs the emulator's own server, which provides the transport")
    return transport


async def _wait_until_disconnected(receive: Receive) -> None:
    # The server logs an error about an incomplete response unless it has noticed the disconnect.
    while (await receive())["type"] != "http.disconnect":
        pass
