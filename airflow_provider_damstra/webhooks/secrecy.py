"""Keeps the token of a webhook's address out of whatever logs addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HIDDEN = "***"
_ADDRESS = re.compile(r"(?P<shown>.*/damstra/+webhooks/+(?:[^/]+/+)?)(?P<token>.+)", re.I | re.S)
_KEY = "damstra.webhook_token"


class TokenHider:
    """ASGI middleware that takes the token out of a request's path before anything is done with the request.

    Access logs (Airflow's and uvicorn's) read the path from the same scope when the answer is there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            hide_token(scope)
        await self.app(scope, receive, send)


def hide_token(scope: Scope) -> None:
    """Move the token from the path to where only :func:`hidden_token` finds it."""
    address = _ADDRESS.fullmatch(scope["path"])
    if address and address["token"] != HIDDEN:
        scope[_KEY] = address["token"]
        scope["path"] = address["shown"] + HIDDEN
        scope["raw_path"] = scope["path"].encode(errors="surrogateescape")


def hidden_token(scope: Scope) -> str:
    """Return the token that a request's path had, or nothing."""
    return str(scope.get(_KEY, ""))
