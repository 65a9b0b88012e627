"""An HTTP server that records what reaches it, as it stands on the wire, and gives prepared answers."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.contract.table import Answer


@dataclass(frozen=True)
class Recorded:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    raw_body: bytes

    @property
    def path(self) -> str:
        """The raw path, undecoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """The decoded query pairs, in the order of their names."""
        return sorted(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def start_index(self) -> int:
        """The index that a listing asks to start at; 0 when it does not say."""
        return int(dict(self.query).get("startIndex", "0"))

    @property
    def body(self) -> Any:
        """The parsed JSON body, or None where there is no body."""
        return json.loads(self.raw_body) if self.raw_body else None


class Stub(ThreadingHTTPServer):
    """A server on the loopback interface that answers with what `answer` returns for a request."""

    def __init__(self, answer: Callable[[Recorded], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.requests: list[Recorded] = []

    @property
    def base_url(self) -> str:
        """The URL that a client is given."""
        return f"http://127.0.0.1:{self.server_port}/api/v2"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Accept that a client goes away before its answer: it may ask for pages ahead that it then drops."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Stub
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        recorded = Recorded(self.command, self.path, headers, body)
        self.server.requests.append(recorded)
        answer = self.server.answer(recorded)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.raw)))
        self.end_headers()
        self.wfile.write(answer.raw)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""


@contextmanager
def stub_server(answer: Callable[[Recorded], Answer]) -> Iterator[Stub]:
    """Yield a running stub server and stop it afterwards."""
    with served(Stub(answer)) as server:
        yield server
