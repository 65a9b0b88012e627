"""A proxy in front of a small server."""

from __future__ import annotations

import socketserver
from typing import TYPE_CHECKING

import pytest

from distributed.faults.proxy import Proxy
from tests.serving import serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TRUNCATED = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok"


class Handler(socketserver.StreamRequestHandler):
    """Answers each request of a connection; ``/truncated`` and ``/dropped`` end the connection."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) != b"\r\n":
                if header.lower().startswith(b"content-length"):
                    length = int(header.split(b":")[1])
            self.rfile.read(length)
            path = line.split()[1]
            if path == b"/dropped":
                return
            self.wfile.write(TRUNCATED if path == b"/truncated" else OK)
            if path == b"/truncated":
                return


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with serve_in_thread(Server(("127.0.0.1", 0), Handler)) as server:
        proxy = Proxy(upstream=f"http://127.0.0.1:{server.server_address[1]}")
        proxy.start()
        yield proxy
        proxy.stop()
