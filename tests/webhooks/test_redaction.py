"""Tokens are in no access log and no exception, wherever they stand in a URL."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from airflow_provider_damstra.webhooks.auth import TokenAuthenticator, generate_token
from airflow_provider_damstra.webhooks.redaction import RedactTokenMiddleware, redact_tokens, token_from_scope
from tests.airflow_compat import http_access_log
from tests.waiting import wait_until
from tests.webhooks.receiver_server import CONN_ID, HOST, ReceiverServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CUSTOM_TOKEN = "a custom token: with spaces, slash-free, and+signs=="


def _encode(text: str) -> str:
    return "".join(f"%{ord(character):02X}" for character in text)


URLS: dict[str, Callable[[str], str]] = {
    "webhook": lambda token: f"/damstra/webhooks/{CONN_ID}/{token}",
    "singular": lambda token: f"/damstra/webhook/{CONN_ID}/{token}",
    "feed": lambda token: f"/damstra/feed/{CONN_ID}/{token}",
    "missed": lambda token: f"/damstra/missed/{token}",
    "other prefix": lambda token: f"/webhooks/{CONN_ID}/{token}",
    "Airflow's own API": lambda token: f"/api/v2/dags/{token}",
    "root": lambda token: f"/{token}",
    "encoded token": lambda token: f"/damstra/webhook/{CONN_ID}/{_encode(token)}",
    "token encoded twice": lambda token: f"/damstra/webhook/{CONN_ID}/{quote(_encode(token))}",
    "token encoded three times": lambda token: f"/x?{quote(quote(_encode(token)))}",
    "encoded slashes": lambda token: f"/damstra%2Fwebhook%2F{CONN_ID}%2F{token}",
    "slashes encoded twice": lambda token: f"/damstra%252Fwebhook%252F{CONN_ID}%252F{token}",
    "backslashes": lambda token: f"/damstra\\webhooks\\{CONN_ID}\\{token}",
    "encoded backslashes": lambda token: f"/damstra%5Cwebhooks%5C{CONN_ID}%5C{token}",
    "parameter": lambda token: f"/damstra/webhook/{CONN_ID}/{token};v=1",
    "null byte": lambda token: f"/damstra/webhook/{CONN_ID}/{token}%00",
    "mistyped": lambda token: f"/damstra/webhook/{CONN_ID}/{token}x",
    "quoted": lambda token: f"/damstra/webhook/{CONN_ID}/%22{token}%22,",
    "query": lambda token: f"/damstra/webhooks/{CONN_ID}?token={token}",
    "query without name": lambda token: f"/damstra/webhooks?{token}",
    "encoded query": lambda token: f"/damstra/feed/{CONN_ID}?after=0&token={_encode(token)}",
    "URL in a query": lambda token: f"/?next={quote(f'https://x/damstra/webhooks/c/{token}', safe='')}",
    "path and query": lambda token: f"/{token}?{token}",
}


@pytest.fixture
def access_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return a function that returns all that uvicorn and Airflow logged, decoded."""
    caplog.set_level(logging.INFO)
    # Airflow 3.2 does not propagate the records of uvicorn.
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "propagate", True)
    lines: list[str] = []
    logger = SimpleNamespace(info=lambda *args, **fields: lines.append(f"{args} {fields}"))
    if http_access_log is not None:
        monkeypatch.setattr(http_access_log, "logger", logger)
    return lambda: unquote(unquote(unquote(caplog.text + "\n".join(lines))))


def request_line(server: ReceiverServer, target: str, *headers: str) -> bytes:
    """Send a request with this target unchanged, and return the response's first bytes."""
    lines = [f"GET {target} HTTP/1.1", "Host: x", *headers, "", ""]
    with socket.create_connection((HOST, server.port), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(65536)


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_token_in_request_is_not_logged(
    url: Callable[[str], str], receiver: ReceiverServer, access_log: Callable[[], str]
) -> None:
    assert b" 404 " in request_line(receiver, url(receiver.token), "Connection: close")
    wait_until(lambda: "***" in access_log(), "the access log")
    assert receiver.token not in access_log()


WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.mark.parametrize("kind", ["webhook", "singular", "encoded backslashes", "encoded query"])
def test_token_in_websocket_handshake_is_not_logged(
    kind: str, receiver: ReceiverServer, access_log: Callable[[], str]
) -> None:
    assert b" 403 " in request_line(receiver, URLS[kind](receiver.token), *WEBSOCKET)
    wait_until(lambda: "WebSocket" in access_log() and "***" in access_log(), "the log of the handshake")
    assert receiver.token not in access_log()


@pytest.mark.parametrize("token", [generate_token(), CUSTOM_TOKEN], ids=["generated", "custom"])
def test_redaction_is_by_value_in_any_position(token: str) -> None:
    TokenAuthenticator([CONN_ID]).set_tokens(CONN_ID, [token])
    for text in (f"/x/{token}", f"a={token}", f"/x/{quote(token)}/y", f"/x?b=1&a={quote(token)}", token):
        redacted = redact_tokens(text)
        assert token not in unquote(redacted)
        assert "***" in redacted


def test_text_without_token_is_unchanged() -> None:
    for text in ("/api/v2/dags", "q=" + "x" * 100, "/%2541/" + generate_token(), "\udcff" * 50):
        assert redact_tokens(text) == text


def test_rotated_token_is_still_redacted() -> None:
    authenticator, old = TokenAuthenticator([CONN_ID]), generate_token()
    authenticator.set_tokens(CONN_ID, [old])
    authenticator.set_tokens(CONN_ID, [generate_token()])
    assert redact_tokens(f"/damstra/webhook/{CONN_ID}/{old}") == f"/damstra/webhook/{CONN_ID}/***"


def test_token_is_redacted_before_other_middleware_and_its_exceptions() -> None:
    token = generate_token()
    TokenAuthenticator([CONN_ID]).set_tokens(CONN_ID, [token])
    seen: list[str] = []

    class OtherMiddleware:
        """Logs what it sees, and responds before the plugin's middleware is called."""

        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
                return
            seen.append(f"{scope}")
            await PlainTextResponse("no")(scope, receive, send)

    app = FastAPI()
    app.add_middleware(RedactTokenMiddleware)
    app.add_middleware(OtherMiddleware)
    path, query = f"/damstra/webhooks/c/{token}", f"t={token}".encode()
    http: Scope = {"type": "http", "method": "POST", "path": path, "query_string": query, "headers": []}
    asyncio.run(_start_and_request(app, http))
    assert len(seen) == 1
    assert token not in seen[0]
    assert "/damstra/webhooks/c/***" in seen[0]
    assert token_from_scope(http) == token


async def _start_and_request(app: FastAPI, scope: Scope) -> None:
    """Run an app's lifespan, and send it a request."""
    messages: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(_: Message) -> None:
        pass

    await app({"type": "lifespan", "state": {}}, receive, send)
    with contextlib.suppress(IndexError):
        await app(scope, receive, send)
