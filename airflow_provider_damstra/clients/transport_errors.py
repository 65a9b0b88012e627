"""Translation of the exceptions of requests and aiohttp into errors of this provider.

Both libraries wrap the reason several levels deep, in different classes. Their classes are recognised by
name, so that neither library is imported where only the other is used.
"""

from __future__ import annotations

import os
import socket
import ssl
import traceback
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from airflow_provider_damstra.clients.body import BodyTooLargeError
from airflow_provider_damstra.errors import DamstraResponseError, DamstraTransportError

if TYPE_CHECKING:
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

_NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
"""Reasons in OpenSSL's exceptions, of different versions, for a server that responds in plain text."""

_TUNNEL_REFUSED = "Tunnel connection failed: "
"""Prefix of the message of ``http.client`` with the proxy's response to CONNECT."""

_BROKEN = "the connection was closed before a response arrived"


class SupportsLimits(Protocol):
    """Interface of settings: the server's host, and the limits of its responses."""

    @property
    def host(self) -> str:
        """Return host and port for messages."""

    @property
    def timeout(self) -> float:
        """Return the seconds to connect, and between two reads."""

    @property
    def max_response_bytes(self) -> int:
        """Return the size of a response at most."""


def response_timeout(settings: SupportsLimits) -> float:
    """Return the seconds within which a response must be complete, even if data keeps arriving."""
    return RESPONSE_TIMEOUT_FACTOR * settings.timeout


def transport_error(
    request: Request, error: Exception, settings: SupportsLimits, *, proxy: str | None, has_response: bool
) -> DamstraError:
    """Return the error for a request that failed without a complete response.

    :param error: the exception of requests, urllib3, aiohttp or the standard library.
    :param proxy: host and port of the proxy that the request was sent through, or None.
    :param has_response: whether the head of a response had been received.
    """
    server = f"{settings.host} through the proxy {proxy}" if proxy else settings.host
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & CONNECT_ERRORS or _failed_while_connecting(error):
        return _connect_error(request, error, server, names, timeout=settings.timeout)
    if type(error) is TimeoutError:
        why = f"the response was not complete after {response_timeout(settings):g} s"
        return _no_response(request, server, why)
    if names & READ_TIMEOUTS:
        return _no_response(request, server, f"no data for {settings.timeout:g} s")
    if isinstance(error, BodyTooLargeError):
        return DamstraResponseError(
            f"{request} received a response of more than {settings.max_response_bytes} bytes from {server}, "
            f"which was not read further. {_outcome(request)} If such a response is expected, lower "
            "page_size or raise max_response_bytes in the connection's extra.",
            request=request,
        )
    if has_response:
        problem = "its compression is damaged" if isinstance(error, zlib.error) else "it was cut off"
        return DamstraResponseError(
            f"{request} received a response from {server}, but {problem}. {_outcome(request)}",
            request=request,
            is_transient=True,
        )
    return _no_response(request, server, _BROKEN)


def _connect_error(
    request: Request, error: Exception, server: str, names: set[str], *, timeout: float
) -> DamstraTransportError:
    """Return the error for a connection that could not be made.

    :param server: the server and, if there is one, the proxy, for the message.
    :param names: names of the exception's classes.
    :param timeout: seconds after which connecting was given up.
    """
    refused = _find_cause(error, ssl.SSLError)
    if refused and not isinstance(refused, _CONNECTION_CLOSED):
        return DamstraTransportError(
            f"{request} was not sent, because the TLS connection to {server} failed: {_tls_reason(refused)}.",
            request=request,
            was_sent=False,
            is_transient=False,
        )
    if names & CONNECT_TIMEOUTS or _find_cause(error, TimeoutError):
        why = f"no connection within {timeout:g} s"
    else:
        why = _connect_reason(error)
    return _no_response(request, server, why, was_sent=False)


def _no_response(request: Request, server: str, why: str, *, was_sent: bool = True) -> DamstraTransportError:
    """Return the error for a request without a response.

    :param server: the server and, if there is one, the proxy, for the message.
    """
    outcome = (
        _outcome(request)
        if was_sent
        else "The request was not sent: check the connection's host and port, the network, and the proxy "
        "variables of the environment (https_proxy, no_proxy)."
    )
    return DamstraTransportError(
        f"{request} received no response from {server}: {why}. {outcome}", request=request, was_sent=was_sent
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
        return f"the proxy refused to connect: {response.status} {response.message}"
    failed = _find_cause(error, OSError)
    if failed in (None, error):
        return "no connection could be made"
    if str(failed).startswith(_TUNNEL_REFUSED):
        return f"the proxy refused to connect: {str(failed).removeprefix(_TUNNEL_REFUSED)}"
    if type(failed).__module__ == "socks":
        return f"the SOCKS proxy refused to connect: {failed}"
    if failed.errno and not isinstance(failed, (ConnectionResetError, BrokenPipeError, *_CONNECTION_CLOSED)):
        return os.strerror(failed.errno).lower()
    return _BROKEN


def _tls_reason(error: ssl.SSLError) -> str:
    """Return why a TLS connection failed, and what to do."""
    if error.reason in _NO_TLS:
        return (
            "the other side does not use TLS on this port. If its address begins with http://, write it so: "
            "the server's in the connection's host, a proxy's in https_proxy"
        )
    verify_message = str(getattr(error, "verify_message", "")).rstrip(".")
    why = verify_message or (error.reason or "TLS error").replace("_", " ").lower()
    return f"{why}. If a proxy with its own certificate is used, set the extra verify to its CA bundle"


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
