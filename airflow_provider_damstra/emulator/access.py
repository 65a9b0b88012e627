"""Who may use the emulator: programs on this machine, and no web page that a browser on it shows."""

from __future__ import annotations

from secrets import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from airflow_provider_damstra.addresses import is_loopback
from airflow_provider_damstra.emulator.api_errors import ApiError
from airflow_provider_damstra.emulator.rendering import JSON, render_error
from airflow_provider_damstra.emulator.settings import API_PREFIX

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from airflow_provider_damstra.emulator.settings import Settings

ANY_HOST = "*"
MAX_BODY_MIB = 128
"""The largest body of a request; the state of an account with 100,000 users has 50 MiB."""


class LocalAccessMiddleware:
    """Reject requests before their body is read, and before they are recorded or handled.

    Only the API serves other machines, unless the settings allow more. A web page can have its own host name
    resolved to 127.0.0.1, and can send requests to another origin: foreign Host and Origin headers are
    rejected. So are bodies that are too large or do not state their length.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._allowed_hosts = {host.lower() for host in settings.allowed_hosts}
        self._allow_remote_control = settings.allow_remote_control

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
        is_api = request.scope["path"].rstrip("/").startswith(f"{API_PREFIX}/")
        client = request.client.host if request.client else ""
        if not (is_api or self._allow_remote_control or is_loopback(client)):
            reason = "the control plane and the pages are available on the loopback interface only"
            return ApiError(403, {"error": f"{reason}, unless --allow-remote-control is given"})
        return _find_error_of_body(request)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # an invalid IPv6 address
        return ""


def _find_error_of_body(request: Request) -> ApiError | None:
    if "transfer-encoding" in request.headers:
        return ApiError(411, {"error": "the request needs a Content-Length: do not send its body in chunks"})
    if int(request.headers.get("content-length", 0)) > MAX_BODY_MIB * 1024 * 1024:
        return ApiError(413, {"error": f"the body of the request is larger than {MAX_BODY_MIB} MiB"})
    return None


def has_access_key(request: Request, settings: Settings) -> bool:
    """Return whether a request has the accepted access key."""
    access_key = request.headers.get("accesskey", "").encode()
    return compare_digest(access_key, settings.access_key.encode())


async def require_json(request: Request) -> None:
    """Reject changes without the content type of JSON, which a web page of another origin cannot send.

    :raises ApiError: with status 415.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in ("POST", "PUT") and content_type != JSON:
        raise ApiError(415, {"error": f"the content type must be {JSON}, also without a body"})
