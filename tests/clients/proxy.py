"""Proxies that forward by CONNECT or SOCKS 5 and record the requests they receive."""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tests.serving import serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator


class TunnelProxy(socketserver.ThreadingTCPServer):
    """Open a tunnel to a port of this machine, whatever the host, by CONNECT; or refuse with a status."""

    daemon_threads = True

    def __init__(
        self, handler: type[_Tunnel | _Socks], refusal: str | None, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.refusal = refusal
        self.context = context
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, with TLS if there is a context."""
        with suppress(ssl.SSLError):  # A client that does not trust this proxy closes the connection.
            context = self.context
            with context.wrap_socket(request, server_side=True) if context else request as connection:
                super().finish_request(connection, client_address)


class _Tunnel(socketserver.StreamRequestHandler):
    server: TunnelProxy

    def handle(self) -> None:
        lines = list(iter(lambda: self.rfile.readline().decode().strip(), ""))
        self.server.requests.append("\n".join(lines))
        if self.server.refusal:
            self.wfile.write(f"HTTP/1.1 {self.server.refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        port = lines[0].split(" ")[1].rpartition(":")[2]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as server:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _join(self.connection, server)


class _Socks(socketserver.StreamRequestHandler):
    """SOCKS 5 (RFC 1928) without authentication."""

    server: TunnelProxy

    def handle(self) -> None:
        _, count = self.rfile.read(2)
        self.rfile.read(count)
        self.wfile.write(b"\x05\x00")
        kind = self.rfile.read(4)[3]
        host = (
            socket.inet_ntoa(self.rfile.read(4))
            if kind == 1
            else self.rfile.read(self.rfile.read(1)[0]).decode()
        )
        port = int.from_bytes(self.rfile.read(2))
        self.server.requests.append(f"{host}:{port}")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as server:
            self.wfile.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            _join(self.connection, server)


def _join(one: socket.socket, other: socket.socket) -> None:
    destinations = {one: other, other: one}
    while ready := select.select(list(destinations), [], [], 10)[0]:
        for end in ready:
            received = end.recv(65536)
            if not received:
                return
            destinations[end].sendall(received)


@contextmanager
def tunnel_proxy(
    *, refusal: str | None = None, context: ssl.SSLContext | None = None
) -> Iterator[TunnelProxy]:
    """Yield a running proxy.

    :param refusal: status and reason with which it refuses every tunnel.
    :param context: SSL context of a proxy that is itself reached with TLS.
    """
    with serve_in_thread(TunnelProxy(_Tunnel, refusal, context)) as proxy:
        yield proxy


@contextmanager
def socks_proxy() -> Iterator[TunnelProxy]:
    """Yield a running SOCKS 5 proxy."""
    with serve_in_thread(TunnelProxy(_Socks, None, None)) as proxy:
        yield proxy
