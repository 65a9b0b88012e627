"""The client for the triggerer, on aiohttp. Only this module imports aiohttp, and no DAG file imports it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aiohttp
from tenacity import AsyncRetrying
from yarl import URL

from airflow_provider_damstra.clients.causes import BROKE, in_plain_words, refused_by_proxy
from airflow_provider_damstra.clients.core import ClientCore, Conversation, Observer
from airflow_provider_damstra.clients.paging import Paging
from airflow_provider_damstra.clients.proxies import proxy_for
from airflow_provider_damstra.clients.raw_pages import StreamReader
from airflow_provider_damstra.clients.trust import trust
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.models.base import Model, Page

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from airflow_provider_damstra.clients.paging import PageReader
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.http import Request, Response

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)


class AsyncClient:
    """Calls Damstra Learning without blocking the event loop. Tasks of one loop may share one.

    :param settings: where and how.
    :param observe: is told each request, its status and the seconds it took.
    :param on_secret: is told every answer that is a secret, before the caller has it.
    :param sleep: what waits between two attempts, for tests.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        observe: Observer | None = None,
        on_secret: Callable[[str], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self._core = ClientCore(settings, observe=observe)
        self._on_secret = on_secret
        self._retrying = AsyncRetrying(sleep=sleep, **self._core.retrying())
        self._proxy = proxy_for(settings.base_url)
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
            self._session = None

    async def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return the answer to one call.

        :raises DamstraError: if it failed.
        """
        answer = await self._try(lambda: self._core.converse(endpoint))
        if self._on_secret and endpoint.response_is_secret:
            await self._on_secret(str(answer))
        return answer

    async def iterate(
        self, endpoint: ListEndpoint[Row], *, concurrency: int | None = None
    ) -> AsyncGenerator[Row, None]:
        """Yield the rows of a listing in order, each read as it is taken.

        RequestModel and errors are those of ``pages``.
        """
        async with aclosing(self.pages(endpoint, concurrency=concurrency, reader=StreamReader())) as pages:
            async for rows in pages:
                for row in rows:
                    yield row

    async def pages(
        self,
        endpoint: ListEndpoint[Row],
        *,
        concurrency: int | None = None,
        reader: PageReader | None = None,
    ) -> AsyncGenerator[list[Row], None]:
        """Yield the rows of a listing in order, page by page, fetching ahead when the total is known.

        No page is empty: the one that ends a listing is not yielded.

        :param concurrency: pages in flight at once; default as the connection's ``max_concurrency``.
        :param reader: reads pages in another way than as the declared models.
        :raises DamstraError: if a page failed, or the server repeats itself.
        """
        settings = self._core.settings
        most = concurrency or settings.max_concurrency
        paging = Paging(endpoint, page_size=settings.page_size)
        pending: deque[asyncio.Task[Page[Row]]] = deque()
        try:
            while not paging.is_over:
                planned = paging.plan(most - len(pending))
                if len(planned) == 1 and not pending:
                    # The usual case, without the cost of a task.
                    page = await self._page(endpoint, planned[0], reader)
                else:
                    pending.extend(
                        asyncio.ensure_future(self._page(endpoint, request, reader)) for request in planned
                    )
                    page = await pending[0]
                    pending.popleft()
                rows, rest_is_void = paging.accept(page)
                if rest_is_void:
                    await _drop(pending)
                if page.row_count:
                    yield rows
        finally:
            await _drop(pending)

    async def _page(
        self, endpoint: ListEndpoint[Row], request: Request, reader: PageReader | None
    ) -> Page[Row]:
        return await self._try(lambda: self._core.converse_page(endpoint, request, reader=reader))

    async def _try(self, start: Callable[[], Conversation[Answer]]) -> Answer:
        try:
            return await self._drive(start())
        except DamstraError as error:
            failures = self._core.tries_again_after(error)

        async def attempt() -> Answer:
            for failure in failures:
                raise failure
            return await self._drive(start())

        return await self._retrying.copy()(attempt)

    async def _drive(self, conversation: Conversation[Answer]) -> Answer:
        try:
            request = next(conversation)
            while True:
                request = conversation.send(await self._send(request))
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    async def _send(self, request: Request) -> Response:
        session = await self._open()
        url = URL(self._core.url(request), encoded=True)
        failure = None
        async with self._core.limits.turn_in_loop():
            started = time.monotonic()
            try:
                async with session.request(
                    request.method,
                    url,
                    data=request.content,
                    # As the session's, they would be shown to a proxy that only has to lead to the server.
                    headers=self._core.headers,
                    allow_redirects=False,
                    proxy=self._proxy,
                ) as answer:
                    body = await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failure = self._failure(request, error)
        self._core.observed(request, started, None if failure else answer.status)
        # Out here, so that the error does not carry aiohttp's, which knows headers and what came.
        if failure:
            raise failure
        return self._core.response(status=answer.status, headers=answer.headers, body=body)

    async def _open(self) -> aiohttp.ClientSession:
        """Return the session; made here and not in ``__init__``, for it belongs to the running loop."""
        async with self._opening:
            if self._session is None:
                settings = self._core.settings
                trusted = await asyncio.to_thread(trust, settings.verify)
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=settings.max_concurrency, ssl=trusted),
                    timeout=aiohttp.ClientTimeout(
                        total=None, sock_connect=settings.timeout, sock_read=settings.timeout
                    ),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    # As http.client has it: some proxies send header lines longer than aiohttp's default.
                    max_line_size=65536,
                    max_field_size=65536,
                )
                # aiohttp would send what is idempotent once more by itself, past limits and attempts.
                self._session._retry_connection = False
            return self._session

    def _failure(self, request: Request, error: Exception) -> DamstraError:
        """Return what aiohttp's exception means. Its repr may hold the key: it goes no further."""
        if isinstance(error, aiohttp.ClientSSLError):
            return self._core.untrusted(request, in_plain_words(error))
        if isinstance(error, aiohttp.ClientHttpProxyError):
            why = refused_by_proxy(f"{error.status} {error.message}")
            return self._core.no_answer(request, why, was_sent=False)
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return self._core.not_connected(request)
        if isinstance(error, TimeoutError):
            return self._core.silent(request)
        if isinstance(error, aiohttp.ClientPayloadError):
            return self._core.truncated(request)
        was_sent = not isinstance(error, aiohttp.ClientConnectorError)
        return self._core.no_answer(request, BROKE if was_sent else in_plain_words(error), was_sent=was_sent)


async def _drop(pending: deque[asyncio.Task[Any]]) -> None:
    """Cancel what is in flight and wait until it has left, so that nothing outlives its listing."""
    if not pending:
        return
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    pending.clear()
