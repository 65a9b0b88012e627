"""Connections of the client for workers: how one is made, and where it waits for its next request."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from ssl import CERT_NONE, PROTOCOL_TLS_CLIENT, SSLContext
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from weakref import finalize

from urllib3 import ProxyManager, make_headers
from urllib3.connection import HTTPConnection, HTTPSConnection, port_by_scheme
from urllib3.util import Url, parse_url

from airflow_provider_damstra.clients.proxies import proxy_for
from airflow_provider_damstra.clients.trust import trust

if TYPE_CHECKING:
    from urllib3.connection import ProxyConfig

    from airflow_provider_damstra.clients.settings import ClientSettings


AT_ONCE = 0.002
"""Seconds within which a connection is made where the server is near: to make it costs less than a thread."""


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A proxy, and what it wants to know."""

    address: Url
    headers: dict[str, str]
    configuration: ProxyConfig | None


class Connections:
    """Connections to the server of one client. Each carries one request at a time; threads may share them.

    urllib3's pools send a request and wait for its answer in one step. Here these are two, so that one thread
    can have many requests on their way.

    :raises DamstraConfigurationError: if the CA bundle cannot be read.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self._address = urlsplit(settings.base_url)
        self._options: dict[str, Any] = {"timeout": settings.timeout}
        self._proxy = _proxy(settings)
        self._tls: dict[str, Any] = {}
        if self._address.scheme == "https":
            self._tls = {"ssl_context": _tls_context(settings)}
        self.are_made_at_once = False
        """Whether the last one that was opened took no time worth a thread."""
        self._idle: list[HTTPConnection] = []
        # For clients that nobody closes.
        finalize(self, _close, self._idle)
        is_forwarded = self._proxy is not None and not self._tls
        self.prefix = settings.base_url if is_forwarded else self._address.path
        """What stands before the path of a request: a proxy has to know the whole address."""
        self.headers = self._proxy.headers if self._proxy and is_forwarded else {}
        """What the proxy wants to know with each request."""

    def idle(self) -> HTTPConnection | None:
        """Return an open connection that nobody uses, or None if there is none."""
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if connection.is_connected and not _holds_more(connection):
                    return connection
                # The server has closed it since, or said more than it was asked.
                connection.close()
        return None

    def new(self) -> HTTPConnection:
        """Return a connection that is yet to be opened."""
        host, port = self._address.hostname or "", self._address.port
        if self._proxy is None:
            return self._make(host, port, is_encrypted=bool(self._tls))
        way, scheme = self._proxy.address, self._proxy.address.scheme or "http"
        is_encrypted = bool(self._tls) or scheme == "https"
        options: dict[str, Any] = {"proxy": way, "proxy_config": self._proxy.configuration}
        way_port = way.port or port_by_scheme[scheme]
        connection = self._make(way.host or "", way_port, is_encrypted=is_encrypted, **options)
        if self._tls:
            connection.set_tunnel(host, port or 443, headers=self._proxy.headers, scheme=scheme)
        return connection

    def open(self, connection: HTTPConnection) -> None:
        """Connect, unless that was done.

        :raises HTTPError, OSError, CertificateError: if it cannot be.
        """
        if connection.is_closed:
            began, self.are_made_at_once = time.monotonic(), False
            connection.connect()
            self.are_made_at_once = time.monotonic() - began < AT_ONCE

    def keep(self, connection: HTTPConnection) -> None:
        """Keep a connection whose answer was read to its end, unless the server closes it."""
        if not connection.is_closed:
            self._idle.append(connection)

    def clear(self) -> None:
        """Close the connections that nobody uses."""
        _close(self._idle)

    def _make(self, host: str, port: int | None, *, is_encrypted: bool, **more: Any) -> HTTPConnection:
        kind = HTTPSConnection if is_encrypted else HTTPConnection
        encryption = self._tls if is_encrypted else {}
        connection = kind(host, port, **self._options, **encryption, **more)
        connection.response_class = _FinalAnswer
        return connection


class _FinalAnswer(HTTPResponse):
    """An answer that is not provisional (1xx).

    Where a provisional one is taken for the answer, the answer is taken for that of the next request.
    """

    def begin(self) -> None:
        """Read the head of the answer, and of the provisional ones before it."""
        super().begin()
        while self.status < 200:
            answer: Any = self
            answer.headers = None
            super().begin()


def _holds_more(connection: HTTPConnection) -> bool:
    """Return whether TLS holds what nobody asked for: the socket does not show it."""
    pending = getattr(connection.sock, "pending", None)
    return pending is not None and pending() > 0


def _close(idle: list[HTTPConnection]) -> None:
    with suppress(IndexError):
        while True:
            idle.pop().close()


def _proxy(settings: ClientSettings) -> _Proxy | None:
    address = proxy_for(settings.base_url)
    if address is None:
        return None
    parts = urlsplit(address)
    login = parts.netloc.rpartition("@")[0]
    headers = make_headers(proxy_basic_auth=unquote(login)) if login else {}
    context = _tls_context(settings) if parts.scheme == "https" else None
    return _Proxy(parse_url(address), headers, ProxyManager(address, proxy_ssl_context=context).proxy_config)


def _tls_context(settings: ClientSettings) -> SSLContext:
    trusted = trust(settings.verify)
    if isinstance(trusted, SSLContext):
        return trusted
    anybody = SSLContext(PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = CERT_NONE
    return anybody
