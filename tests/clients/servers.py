"""Servers that send prepared bytes, valid or not, and record the requests they receive."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.serving import serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator


def http_response(body: bytes | str = b"", status: int = 200, **headers: str) -> bytes:
    """Return a response as bytes; the argument ``Set_Cookie`` is the header ``Set-Cookie``."""
    raw = body if isinstance(body, bytes) else body.encode()
    shown = {"Content-Length": str(len(raw)), "Connection": "close"}
    lines = {**shown, **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Reason\r\n{head}\r\n".encode() + raw


class RawServer(socketserver.ThreadingTCPServer):
    """Send the responses in turn, then the last one repeatedly.

    :param keeps_open: whether a connection may carry several requests.
    :param byte_interval: seconds between two bytes of a response; 0 sends it without pauses.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self,
        responses: tuple[bytes, ...],
        context: ssl.SSLContext | None,
        *,
        keeps_open: bool,
        byte_interval: float,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.byte_interval = byte_interval
        self.keeps_open = keeps_open
        self.responses = responses
        self.context = context
        self.connections = 0
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """Return the server's URL."""
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    server: RawServer

    def handle(self) -> None:
        self.server.connections += 1
        connection: socket.socket = self.request
        connection.settimeout(10)
        try:
            if self.server.context:
                connection = self.server.context.wrap_socket(connection, server_side=True)
            while request := _read(connection):
                place = min(len(self.server.requests), len(self.server.responses) - 1)
                self.server.requests.append(request)
                self._send(connection, self.server.responses[place])
                if not self.server.keeps_open:
                    break
        except (ssl.SSLError, ConnectionError):
            pass  # A client that does not trust this server closes the connection.
        finally:
            connection.close()

    def _send(self, connection: socket.socket, response: bytes) -> None:
        if not self.server.byte_interval:
            connection.sendall(response)
            return
        pause = threading.Event()
        for byte in response:
            connection.sendall(bytes([byte]))
            pause.wait(self.server.byte_interval)


def _read(connection: socket.socket) -> str:
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return ""
        received += part
        if not received[:1].isalpha():
            return received.decode("latin-1")  # Not HTTP but, for example, a TLS handshake.
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [
        line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    ]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()


@contextmanager
def raw_server(
    *responses: bytes,
    context: ssl.SSLContext | None = None,
    keeps_open: bool = False,
    byte_interval: float = 0.0,
) -> Iterator[RawServer]:
    """Yield a running server, with TLS if a context is given.

    :param keeps_open: whether a connection may carry several requests.
    :param byte_interval: seconds between two bytes of a response; 0 sends it without pauses.
    """
    server = RawServer(responses, context, keeps_open=keeps_open, byte_interval=byte_interval)
    with serve_in_thread(server):
        yield server


def closed_port() -> int:
    """Return a port of this machine that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
