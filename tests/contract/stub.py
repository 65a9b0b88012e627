"""A stub HTTP server that records raw requests and sends prepared responses."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.serving import serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.contract.table import StubResponse


@dataclass(frozen=True)
class RecordedRequest:
    """One received request."""

    method: str
    target: str
    headers: dict[str, str]
    raw_body: bytes

    @property
    def path(self) -> str:
        """The undecoded path."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """The decoded query pairs, in the order of their names."""
        return sorted(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def start_index(self) -> int:
        """The requested start index of a listing; 0 if it is absent."""
        return int(dict(self.query).get("startIndex", "0"))

    @property
    def body(self) -> Any:
        """The parsed JSON body, or None where there is no body."""
        return json.loads(self.raw_body) if self.raw_body else None


class StubServer(ThreadingHTTPServer):
    """A server on the loopback interface that sends the response returned by `respond`."""

    def __init__(self, respond: Callable[[RecordedRequest], StubResponse]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.respond = respond
        self.requests: list[RecordedRequest] = []

    @property
    def base_url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self.server_port}/api/v2"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect early: prefetched pages may be abandoned."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: StubServer
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        recorded = RecordedRequest(self.command, self.path, headers, body)
        self.server.requests.append(recorded)
        response = self.server.respond(recorded)
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.raw)))
        self.end_headers()
        self.wfile.write(response.raw)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond

    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log."""


@contextmanager
def stub_server(respond: Callable[[RecordedRequest], StubResponse]) -> Iterator[StubServer]:
    """Yield a running stub server and stop it afterwards."""
    with serve_in_thread(StubServer(respond)) as server:
        yield server
