"""An HTTP endpoint of an HR system that records the completions it receives."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.serving import serve_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Respond = Callable[["ReceivedRequest"], "int | tuple[int, dict[str, str], bytes]"]


@dataclass(frozen=True)
class ReceivedRequest:
    """A request.

    :param headers: by lower-case names.
    """

    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def key(self) -> str:
        """Return the idempotency key."""
        return self.headers["idempotency-key"]

    def parts(self) -> dict[str, tuple[str | None, str, bytes]]:
        """Return file name, content type and content of each part of a multipart body, by its name."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message: Any = message_from_bytes(head + self.body)
        return {
            part.get_param("name", header="content-disposition"): (
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True),
            )
            for part in message.get_payload()
        }

    def completion(self) -> dict[str, Any]:
        """Return the JSON of the completion."""
        is_json = self.headers["content-type"] == "application/json"
        found: dict[str, Any] = json.loads(self.body if is_json else self.parts()["completion"][2])
        return found


class EndpointServer(ThreadingHTTPServer):
    """Respond to each request with a status, by default 201.

    :ivar respond: returns the status, or status, headers and body.
    :ivar gate: requests get no response before it is set.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[ReceivedRequest] = []
        self.respond: Respond = lambda _: 201
        self.gate = threading.Event()
        self.gate.set()

    @property
    def port(self) -> int:
        """Return the port."""
        return self.server_address[1]

    def connection_json(self, **fields: Any) -> str:
        """Return an Airflow connection to it as JSON."""
        extra = {"X-Api-Key": "key-of-hr", **fields.pop("extra", {})}
        address = {"conn_type": "http", "host": "127.0.0.1", "port": self.port}
        login = {"login": "airflow", "password": "p\u00e4ssw\u00f6rd"}
        return json.dumps({**address, **login, "extra": extra, **fields})

    def ids(self) -> list[int]:
        """Return the lesson schedule ids of the requests, in order."""
        return [request.completion()["lesson_schedule_id"] for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    server: EndpointServer

    def do_POST(self) -> None:
        """Record the request and respond."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ReceivedRequest(self.path, headers, body)
        self.server.requests.append(request)
        self.server.gate.wait(60)
        response = self.server.respond(request)
        status, fields, content = (response, {}, b"{}") if isinstance(response, int) else response
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **fields}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def endpoint_server() -> Iterator[EndpointServer]:
    """Yield a running endpoint."""
    with serve_in_thread(EndpointServer()) as server:
        try:
            yield server
        finally:
            server.gate.set()
