"""Requests over connections, and their answers: sending and reading are two steps."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as Urllib3TimeoutError
from urllib3.util.ssl_match_hostname import CertificateError

from airflow_provider_damstra.clients.causes import BROKE, HUNG_UP, find_cause, in_plain_words
from airflow_provider_damstra.clients.connections import Connections

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

    from airflow_provider_damstra.clients.core import ClientCore
    from airflow_provider_damstra.clients.limits import LentTurn
    from airflow_provider_damstra.errors import DamstraError
    from airflow_provider_damstra.http import Request, Response

SLOW = 0.01
"""Seconds for a body after its head, from which on several are worth reading at once: then the network has
them, and not this process."""

_LOST = (HTTPError, HTTPException, OSError)
_UNSENT = (*_LOST, CertificateError)
_REFUSED_TRUST = (SSLError, ssl.SSLError, CertificateError)


class Transport:
    """Sends the requests of one client. Threads may share it.

    ``is_slow`` says whether the last body took long to come.
    """

    def __init__(self, core: ClientCore) -> None:
        self.core = core
        self.limits = core.limits
        self.connections = Connections(core.settings)
        self.is_slow = False
        self._headers = core.headers | self.connections.headers
        self._headers |= urllib3.make_headers(accept_encoding="gzip,deflate")

    def call(self, request: Request) -> Response:
        """Send a request in its turn, and return the whole answer.

        :raises DamstraError: if none came.
        """
        with self.limits.turn():
            return self._send(request).read()

    def ask(self, request: Request) -> Sent:
        """Send a request in its turn, and return when the answer begins: then the turn is over.

        :raises DamstraError: if none came.
        """
        with self.limits.turn():
            sent = self._send(request)
            sent.begin()
            return sent

    def ask_at_once(self, request: Request) -> Sent | None:
        """Send a request if nothing has to be waited for: neither a turn nor a connection."""
        turn = self.limits.turn_now(seconds=self.core.settings.timeout)
        if turn is None:
            return None
        connection, sent = None, None
        try:
            connection = self.connections.idle()
            if connection is None and self.connections.are_made_at_once:
                connection = self.connections.new()
            if connection is not None:
                self.connections.open(connection)
                self._put(connection, request)
                sent = Sent(self, connection, request, turn)
            return sent
        except _UNSENT:
            return None
        finally:
            if sent is None:
                turn.end()
                if connection is not None:
                    connection.close()

    def _send(self, request: Request) -> Sent:
        started, failure, sent = time.monotonic(), None, None
        connection = self.connections.idle() or self.connections.new()
        try:
            try:
                self.connections.open(connection)
            except _UNSENT as error:
                failure = self._not_connected(request, error)
            try:
                if failure is None:
                    self._put(connection, request)
                    sent = Sent(self, connection, request)
                    return sent
            except _LOST as error:
                failure = self.lost(request, error)
        finally:
            if sent is None:
                connection.close()
        self.core.observed(request, started)
        # Out here, so that the error does not carry that of urllib3, which knows what came.
        raise failure

    def _put(self, connection: HTTPConnection, request: Request) -> None:
        # A server may answer, and hang up, before it has read everything. That answer can be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(
                request.method,
                self.connections.prefix + request.target,
                body=request.content,
                headers=self._headers,
                preload_content=False,
            )

    def _not_connected(self, request: Request, error: Exception) -> DamstraError:
        """Return what it means that no connection came about."""
        has_hung_up = any(find_cause(error, kind) for kind in HUNG_UP)
        if not has_hung_up and any(find_cause(error, kind) for kind in _REFUSED_TRUST):
            return self.core.untrusted(request, in_plain_words(error))
        # For urllib3, a connection that was refused is one that took too long.
        is_late = find_cause(error, ConnectTimeoutError) or find_cause(error, TimeoutError)
        if is_late and not find_cause(error, NewConnectionError):
            return self.core.not_connected(request)
        return self.core.no_answer(request, in_plain_words(error), was_sent=False)

    def lost(self, request: Request, error: Exception, *, has_begun: bool = False) -> DamstraError:
        """Return what it means that a request was sent, and not answered.

        :param has_begun: whether the answer had begun.
        """
        if find_cause(error, Urllib3TimeoutError) or find_cause(error, TimeoutError):
            return self.core.silent(request)
        return self.core.truncated(request) if has_begun else self.core.no_answer(request, BROKE)


class Sent:
    """A request on its way. Its answer is read once, by ``read``; who does not want it closes it.

    :param turn: its turn, if that was lent to it: it ends when the answer begins.
    """

    def __init__(
        self,
        transport: Transport,
        connection: HTTPConnection,
        request: Request,
        turn: LentTurn | None = None,
    ) -> None:
        self._transport = transport
        self._connection = connection
        self._request = request
        self._turn = turn
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._is_read = False
        self._sent_at = time.monotonic()
        self._began_at: float | None = None
        if turn:
            turn.holder = self

    @property
    def is_awaited(self) -> bool:
        """Return whether nobody has seen the answer begin."""
        return self._began_at is None

    @property
    def age(self) -> float:
        """Return the seconds since it was sent."""
        return time.monotonic() - self._sent_at

    def fileno(self) -> int:
        """Return what tells the system which connection this is, or -1 if it is closed."""
        socket = self._connection.sock
        return socket.fileno() if socket else -1

    def has_begun(self, at: float) -> None:
        """Take note that the answer has begun: no request is in flight then.

        :param at: when, on the monotonic clock.
        """
        if self._began_at is None:
            self._began_at = max(at, self._sent_at)
        if self._turn:
            self._turn.end()

    def begin(self) -> urllib3.BaseHTTPResponse:
        """Return the answer as soon as it begins.

        :raises DamstraError: if it does not.
        """
        if self._answer is not None:
            return self._answer
        try:
            self._answer = self._connection.getresponse()
            return self._answer
        except _LOST as error:
            failure = self._transport.lost(self._request, error)
        finally:
            self.has_begun(time.monotonic())
        self.close()
        self._transport.core.observed(self._request, self._sent_at)
        raise failure

    def read(self) -> Response:
        """Return the whole answer.

        :raises DamstraError: if it did not come, or broke off.
        """
        try:
            answer = self.begin()
            core, began = self._transport.core, time.monotonic()
            # As if it had been read at once: how long it waited for that says nothing of the server.
            started = began - ((self._began_at or began) - self._sent_at)
            body = answer.read()
            self._is_read = True
            self._transport.is_slow = time.monotonic() - began > SLOW
        except _LOST as error:
            failure = self._transport.lost(self._request, error, has_begun=True)
        else:
            self._transport.connections.keep(self._connection)
            core.observed(self._request, started, answer.status)
            return core.response(status=answer.status, headers=answer.headers, body=body)
        finally:
            self.close()
        core.observed(self._request, started)
        raise failure

    def close(self) -> None:
        """Give the answer up, and its connection with it."""
        if self._is_read:
            # The connection may be somebody else's by now.
            return
        if self._turn:
            self._turn.end()
        if self._answer is not None:
            self._answer.close()
        self._connection.close()
