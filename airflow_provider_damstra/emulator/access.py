"""Who may use the emulator: programs on this machine, and no web page that a browser on it shows."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from airflow_provider_damstra.addresses import is_loopback
from airflow_provider_damstra.emulator.api_errors import ApiError
from airflow_provider_damstra.emulator.rendering import JSON, render_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

ANY_HOST = "*"


class LocalAccessMiddleware:
    """Reject requests with a foreign Host or Origin header, before they are recorded or handled.

    A web page can have its own host name resolved to 127.0.0.1, and can send requests to another origin.

    :param allowed_hosts: names in the Host header that are accepted besides those of this machine; ``*`` for
        all.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Collection[str]) -> None:
        self._app = app
        self._allowed_hosts = {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or respond with an error."""
        error = self._find_error(Request(scope)) if scope["type"] == "http" else None
        await (render_error(error) if error else self._app)(scope, receive, send)

    def _find_error(self, request: Request) -> ApiError | None:
        authority = request.headers.get("host", "")
        host = _host(f"//{authority}")
        if not (is_loopback(host) or {host, ANY_HOST} & self._allowed_hosts):
            reason = f"the host name {host!r} is not allowed: name it with --allow-host"
            return ApiError(421, {"error": reason})
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{authority}":
            return ApiError(403, {"error": "requests of web pages of another origin are not allowed"})
        return None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # an invalid IPv6 address
        return ""


async def require_loopback_client(request: Request) -> None:
    """Reject requests from other machines.

    :raises ApiError: with status 403.
    """
    host = request.client.host if request.client else ""
    if not ipaddress.ip_address(host or "0.0.0.0").is_loopback:  # noqa: S104 (compared, not bound)
        raise ApiError(403, {"error": "the control plane is available on the loopback interface only"})


async def require_json(request: Request) -> None:
    """Reject changes without the content type of JSON, which a web page of another origin cannot send.

    :raises ApiError: with status 415.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in ("POST", "PUT") and content_type != JSON:
        raise ApiError(415, {"error": f"the content type must be {JSON}, also without a body"})
