"""ASGI middleware that removes webhook tokens from URLs before anything can log them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from pydantic import SecretStr

from airflow_provider_damstra.webhooks.auth import MIN_TOKEN_LENGTH, is_known_token

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

REDACTED = "***"

MAX_DECODINGS = 3
"""How often a URL is decoded: proxies and log viewers decode what was encoded more than once."""

_WEBHOOK_PATH = re.compile(r"(?P<prefix>.*/damstra/+webhooks/+(?:[^/]+/+)?)(?P<token>.+)", re.I | re.S)

# Path segments; the values of parameters; both up to a separator; and the token in any text around it.
_PARTS = tuple(
    re.compile(part) for part in (r"[^/\\?&#]+", r"(?<==)[^?&#]+", r"[^/\\?&#=;]+", r"[A-Za-z0-9_-]+")
)

_TOKEN_KEY = "damstra.webhook_token"  # noqa: S105 (a key of the ASGI scope)


class RedactTokenMiddleware:
    """ASGI middleware that replaces tokens in a request's path and query by ``***``.

    Access logs and exceptions read path and query from the same scope, before or after the response. At the
    address of webhooks everything in the token's place is redacted, whether it is valid or not; elsewhere
    every token that a connection of this process has accepted.

    :param app: the next ASGI application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redact the scope, and keep a webhook's token for :func:`token_from_scope`."""
        if scope["type"] == "lifespan":
            self._wrap_application(scope)
        elif _TOKEN_KEY not in scope:
            _redact_scope(scope)
        await self.app(scope, receive, send)

    def _wrap_application(self, scope: Scope) -> None:
        """Become the outermost middleware: Airflow adds its own, which may log, around those of plugins."""
        application = scope.get("app")
        stack = getattr(application, "middleware_stack", None)
        if stack is not None and not isinstance(stack, RedactTokenMiddleware):
            application.middleware_stack = RedactTokenMiddleware(stack)  # type: ignore[union-attr]


def token_from_scope(scope: Scope) -> str:
    """Return the token that was redacted from a webhook's path, or an empty string."""
    token = scope.get(_TOKEN_KEY)
    return token.get_secret_value() if isinstance(token, SecretStr) else ""


def _redact_scope(scope: Scope) -> None:
    path = scope["path"]
    token = ""
    if webhook := _WEBHOOK_PATH.fullmatch(path):
        token = webhook["token"]
        path = webhook["prefix"] + REDACTED
    # In an object that does not show it: an exception may format the whole scope.
    scope[_TOKEN_KEY] = SecretStr(token)
    path = redact_tokens(path)
    if path != scope["path"]:
        scope["path"] = path
        scope["raw_path"] = path.encode(errors="surrogateescape")
    query = scope["query_string"].decode("latin-1")
    if (redacted := redact_tokens(query)) != query:
        scope["query_string"] = quote(redacted, safe="/?&=;*").encode()


def redact_tokens(text: str) -> str:
    """Return a path or query with ``***`` in place of known tokens; unchanged if it contains none."""
    if len(text) < MIN_TOKEN_LENGTH:
        return text
    result = text
    for _ in range(1 + MAX_DECODINGS):
        redacted = text
        for part in _PARTS:
            redacted = part.sub(_redact_part, redacted)
        if redacted != text:
            result = redacted
        text = unquote(redacted)
    return result


def _redact_part(match: re.Match[str]) -> str:
    part = match[0]
    if len(part) < MIN_TOKEN_LENGTH:
        return part
    # With the first and the last characters of the length of a token: it may have been mistyped.
    candidates = {part, part[:MIN_TOKEN_LENGTH], part[-MIN_TOKEN_LENGTH:]}
    return REDACTED if any(map(is_known_token, candidates)) else part
