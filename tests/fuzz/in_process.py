"""Both clients on a server in this process: no socket, but all of their own code."""

from __future__ import annotations

import asyncio
import io
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import requests
import urllib3
from multidict import CIMultiDict
from requests.adapters import BaseAdapter

from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.clients.client import Client
from airflow_provider_damstra.exports.consistent_pagination import ConsistentPaginator
from tests.clients.drivers import settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from airflow_provider_damstra.clients.raw_pages import RawRow

    Answer = tuple[int, Mapping[str, str], bytes]
    Answers = Callable[[dict[str, list[str]]], Answer]

_CHUNK_BYTES = 1000


class InProcess:
    """Both clients, and the function that answers their requests.

    :ivar answer: returns status, headers and body for a query.
    :ivar requests: number of requests.
    """

    def __init__(self) -> None:
        self.answer: Answers
        self.requests = 0
        settings = settings_for("http://server.example", max_retries=0, max_response_bytes=1 << 20)
        self._resources = ExitStack()
        self._runner = self._resources.enter_context(asyncio.Runner())
        self._client = self._resources.enter_context(Client(settings))
        self._client.session.mount("http://", _Adapter(self))
        self._async_client = AsyncClient(settings)
        self._async_client._session = _Session(self)  # type: ignore[assignment]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def respond(self, url: str) -> Answer:
        """Return the answer to a request."""
        self.requests += 1
        return self.answer(parse_qs(urlsplit(url).query))

    def set_page_size(self, size: int) -> None:
        """Change the page size of both clients."""
        settings = self._client.settings.model_copy(update={"page_size": size, "max_concurrency": 2})
        self._client.settings = self._async_client.settings = settings

    def call(self, endpoint: Any, *, uses_async: bool) -> Any:
        """Return the result of an operation, or of reading a whole listing."""
        if uses_async:
            return self._runner.run(self._async_client.call(endpoint))
        return self._client.call(endpoint)

    def iterate(self, listing: Any, *, uses_async: bool) -> Iterator[Any]:
        """Yield the rows of a listing."""
        if uses_async:
            return self._iterate_async(listing)
        return self._client.iterate(listing)

    def _iterate_async(self, listing: Any) -> Iterator[Any]:
        rows = self._async_client.iterate(listing)
        try:
            while (row := self._runner.run(_next(rows))) is not None:
                yield row
        finally:
            self._runner.run(rows.aclose())

    def export(self, listing: Any) -> list[RawRow]:
        """Return the rows of a listing as an export reads them."""

        async def read() -> list[RawRow]:
            paginator = ConsistentPaginator(self._async_client, listing, concurrency=2)
            async with aclosing(paginator.pages()) as pages:
                return [row async for page in pages for row in page.rows]

        return self._runner.run(read())


async def _next(rows: Any) -> Any:
    return await anext(rows, None)


class _Adapter(BaseAdapter):
    def __init__(self, server: InProcess) -> None:
        super().__init__()
        self._server = server

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Return the answer to a request."""
        status, headers, body = self._server.respond(request.url or "")
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.raw = urllib3.HTTPResponse(io.BytesIO(body), status=status, preload_content=False)
        return response

    def close(self) -> None:
        """Do nothing: there are no connections."""


class _Session:
    def __init__(self, server: InProcess) -> None:
        self._server = server

    def request(self, method: str, url: Any, **_: Any) -> _Response:
        """Return the answer to a request."""
        return _Response(*self._server.respond(str(url)))


class _Response:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = CIMultiDict(headers)
        self.content = self
        self._body = body

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield the body in chunks."""
        for start in range(0, len(self._body), _CHUNK_BYTES):
            yield self._body[start : start + _CHUNK_BYTES]
