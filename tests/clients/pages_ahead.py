"""A listing of which pages are asked ahead: its server, and who asks."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.clients.ahead import PagesAhead
from airflow_provider_damstra.clients.core import ClientCore
from airflow_provider_damstra.clients.transport import Transport
from airflow_provider_damstra.endpoints import ListUsers
from tests.clients.clock import until
from tests.clients.faces import settings_for
from tests.contract.stub import stub_server
from tests.contract.table import json_response

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.clients.transport import Sent
    from airflow_provider_damstra.http import Request
    from tests.contract.stub import RecordedRequest, StubServer
    from tests.contract.table import StubResponse

MOST = 8
REQUESTS = [ListUsers().page_request(start=start, size=1) for start in range(MOST)]
TOTAL = 12


def page(request: RecordedRequest) -> StubResponse:
    """Return one user of a listing, or the one that is asked for."""
    if request.path.endswith("/user"):
        return json_response(
            {"results": [{"id": request.start_index + 1}], "meta": {"totalResultCount": TOTAL}}
        )
    return json_response({"id": int(request.path.rpartition("/")[2])})


class Pages:
    """Asks a server for pages ahead, and keeps which were read."""

    def __init__(self, server: StubServer, **settings: Any) -> None:
        address = server.base_url.removesuffix("/api/v2")
        self.server = server
        self.settings = settings_for(address, max_concurrency=MOST, **settings)
        self.transport = Transport(ClientCore(self.settings))
        self.read: list[bytes] = []
        self.ahead: PagesAhead[bytes] = PagesAhead(self.transport, self._read, most=MOST)

    def _read(self, request: Request, sent: Callable[[], Sent]) -> bytes:
        body = sent().read().body
        self.read.append(body)
        return body

    def ask(self) -> None:
        """Ask for all pages, and wait until the server knows."""
        before = len(self.server.requests)
        self.ahead.ask_for(REQUESTS)
        until(lambda: len(self.server.requests) == before + MOST, "all are asked")

    def take(self, count: int) -> list[int]:
        """Return the ids on the next pages."""
        return [int(self.ahead.take().partition(b'"id": ')[2].partition(b"}")[0]) for _ in range(count)]


@contextmanager
def pages_of(answer: Callable[[RecordedRequest], StubResponse] = page, **settings: Any) -> Iterator[Pages]:
    with stub_server(answer) as server:
        pages = Pages(server, **settings)
        try:
            yield pages
        finally:
            pages.ahead.close()
        pages.transport.connections.clear()


@contextmanager
def opened(door: threading.Event) -> Iterator[None]:
    """Open the door at the end, so that the server can stop."""
    try:
        yield
    finally:
        door.set()
