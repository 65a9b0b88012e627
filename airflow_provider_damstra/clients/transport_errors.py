"""Translation of the exceptions of requests and aiohttp into errors of this provider.

Both libraries wrap the reason several levels deep, in different classes. Their classes are recognised by
name, so that neither library is imported where only the other is used.
"""

from __future__ import annotations

import os
import socket
import ssl
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_damstra.errors import DamstraResponseError, DamstraTransportError

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.errors import DamstraError
    from airflow_provider_damstra.http import Request

Cause = TypeVar("Cause", bound=BaseException)

# Names of exception classes of requests, urllib3 and aiohttp. ProxyError of requests is not a connect error:
# urllib3 raises it, too, when a connection through a proxy breaks after the request was sent.
CONNECT_ERRORS = {"ClientConnectorError", "ClientHttpProxyError", "ConnectTimeout"}
CONNECT_TIMEOUTS = {"ConnectTimeout", "ConnectionTimeoutError"}
READ_TIMEOUTS = {"ReadTimeout", "ReadTimeoutError", "SocketTimeoutError", "TimeoutError"}

RESPONSE_TIMEOUT_FACTOR = 10
"""Maximum total time of a response, as a multiple of the connection's ``timeout``."""

_CONNECTION_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""Exceptions of the ssl module for a connection that the peer only closed."""

_TUNNEL_REFUSED = "Tunnel connection failed: "
"""Prefix of the message of ``http.client`` with the proxy's response to CONNECT."""

_BROKEN = "the connection was closed before a response arrived"


def response_timeout(settings: ClientSettings) -> float:
    """Return the seconds within which a response must be complete, even if data keeps arriving."""
    return RESPONSE_TIMEOUT_FACTOR * settings.timeout


def transport_error(
    request: Request, error: Exception, settings: ClientSettings, *, has_response: bool
) -> DamstraError:
    """Return the error for a request that failed without a complete response.

    :param error: the exception of requests, urllib3, aiohttp or the standard library.
    :param has_response: whether the head of a response had been received.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & CONNECT_ERRORS or _failed_while_connecting(error):
        return _connect_error(request, error, settings, names)
    if type(error) is TimeoutError:
        why = f"the response was not complete after {response_timeout(settings):g} s"
        return _no_response(request, settings, why)
    if names & READ_TIMEOUTS:
        return _no_response(request, settings, f"no data for {settings.timeout:g} s")
    if has_response:
        return DamstraResponseError(
            f"{request} received a response from {settings.host}, but it was cut off. {_outcome(request)}",
            request=request,
            is_transient=True,
        )
    return _no_response(request, settings, _BROKEN)


def _connect_error(
    request: Request, error: Exception, settings: ClientSettings, names: set[str]
) -> DamstraTransportError:
    refused = _find_cause(error, ssl.SSLError)
    if refused and not isinstance(refused, _CONNECTION_CLOSED):
        return DamstraTransportError(
            f"{request} was not sent, because the TLS connection to {settings.host} failed: "
            f"{_tls_reason(refused)}. If a proxy with its own certificate is used, set the extra "
            "verify to its CA bundle.",
            request=request,
            was_sent=False,
            is_transient=False,
        )
    if names & CONNECT_TIMEOUTS or _find_cause(error, TimeoutError):
        why = f"no connection within {settings.timeout:g} s"
    else:
        why = _connect_reason(error)
    return _no_response(request, settings, why, was_sent=False)


def _no_response(
    request: Request, settings: ClientSettings, why: str, *, was_sent: bool = True
) -> DamstraTransportError:
    outcome = (
        _outcome(request)
        if was_sent
        else "The request was not sent: check the connection's host and port, and the network."
    )
    return DamstraTransportError(
        f"{request} received no response from {settings.host}: {why}. {outcome}",
        request=request,
        was_sent=was_sent,
    )


def _outcome(request: Request) -> str:
    """Return what is known about the effect of a request that was sent."""
    if not request.is_write:
        return "Nothing was changed by it."
    if request.is_idempotent:
        return "It may have been carried out; sending it again does no harm."
    return "It may have been carried out, so it was not sent again: check whether it was before repeating it."


def _connect_reason(error: Exception) -> str:
    """Return the reason why no connection could be made, as plain text."""
    if _find_cause(error, socket.gaierror):
        return "its name cannot be resolved"
    response: Any = error
    if hasattr(error, "status") and hasattr(error, "message"):  # aiohttp's ClientHttpProxyError
        return f"the proxy before it refused to connect: {response.status} {response.message}"
    failed = _find_cause(error, OSError)
    if failed in (None, error):
        return "no connection could be made"
    if str(failed).startswith(_TUNNEL_REFUSED):
        return f"the proxy before it refused to connect: {str(failed).removeprefix(_TUNNEL_REFUSED)}"
    if type(failed).__module__ == "socks":
        return f"the SOCKS proxy before it refused to connect: {failed}"
    if failed.errno and not isinstance(failed, (ConnectionResetError, BrokenPipeError, *_CONNECTION_CLOSED)):
        return os.strerror(failed.errno).lower()
    return _BROKEN


def _tls_reason(error: ssl.SSLError) -> str:
    if verify_message := getattr(error, "verify_message", ""):
        return str(verify_message).rstrip(".")
    return (error.reason or "TLS error").replace("_", " ").lower()


def _failed_while_connecting(error: BaseException) -> bool:
    """Return whether an exception passed through a method named ``connect``.

    Both libraries, and ``http.client`` below requests, open every connection in one. The exception's class
    does not distinguish them: requests raises the same ones for a handshake and for a connection that breaks
    later.
    """
    frames = (
        frame for wrapped in _chain(error, set()) for frame, _ in traceback.walk_tb(wrapped.__traceback__)
    )
    return any(frame.f_code.co_name == "connect" for frame in frames)


def _find_cause(error: BaseException, kind: type[Cause]) -> Cause | None:
    """Return the innermost exception of a kind among an exception and those wrapped in it."""
    return next((wrapped for wrapped in _chain(error, set()) if isinstance(wrapped, kind)), None)


def _chain(error: object, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception and all wrapped in it, the innermost first.

    ``__context__`` is left out: a call made in an ``except`` block has an unrelated exception there.
    """
    if not isinstance(error, BaseException) or id(error) in seen:
        return
    seen.add(id(error))
    wrapped = [
        getattr(error, name, None) for name in ("reason", "os_error", "certificate_error", "socket_err")
    ]
    for inner in (*error.args, *wrapped, error.__cause__):
        yield from _chain(inner, seen)
    yield error
