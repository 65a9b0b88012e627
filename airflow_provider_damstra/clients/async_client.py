"""Asynchronous client for triggers, the webhook receiver and bulk transfers, on aiohttp."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aiohttp
from tenacity import AsyncRetrying
from yarl import URL

from airflow_provider_damstra.clients.base import BaseClient, Observer
from airflow_provider_damstra.clients.body import BODY_ERRORS
from airflow_provider_damstra.clients.environment import ssl_context
from airflow_provider_damstra.clients.pagination import OffsetPaginator
from airflow_provider_damstra.clients.raw_pages import StreamingReader
from airflow_provider_damstra.clients.transport_errors import response_timeout, transport_error
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.models.base import Model, Page

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.pagination import PageReader
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.http import Request, Response

Result = TypeVar("Result")
Row = TypeVar("Row", bound=Model)

_MAX_HEADER_BYTES = 65536
"""As in ``http.client``: some proxies send header lines longer than aiohttp's default."""


class AsyncClient(BaseClient):
    """Call Damstra Learning without blocking the event loop. Tasks of one event loop may share one client.

    Retries, redirects, cookies, proxies and certificates are those of ``Client``, except that SOCKS proxies
    cannot be used.

    :param settings: address, key and limits.
    :param observe: called after each request with the request, its status and the seconds it took.
    :param on_secret: awaited with each response that is a secret, before it is returned.
    :param sleep: waits between two attempts; for tests.
    :raises DamstraConfigurationError: if the environment's proxy cannot be used.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        observe: Observer | None = None,
        on_secret: Callable[[str], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(settings, observe=observe)
        self._on_secret = on_secret
        self._sleep = sleep
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

    async def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the result of one operation.

        :raises DamstraError: if it failed.
        """

        async def attempt() -> Result:
            request = self._request(endpoint)
            response = await self._send(request)
            fallback = self._fallback_request(endpoint, request, response)
            if fallback:
                request, response = fallback, await self._send(fallback)
                self._remember_method(endpoint, request, response)
            return endpoint.read(request, response)

        result = await self._with_retries(attempt)
        if self._on_secret and endpoint.response_is_secret:
            await self._on_secret(str(result))
        return result

    async def iterate(
        self, endpoint: ListEndpoint[Row], *, concurrency: int | None = None
    ) -> AsyncGenerator[Row, None]:
        """Yield the rows of a listing in order, each parsed when it is taken.

        :param concurrency: concurrent requests; default as the connection's ``max_concurrency``.
        :raises DamstraError: if a page failed, or the server repeats pages.
        """
        async with aclosing(self.pages(endpoint, concurrency=concurrency, reader=StreamingReader())) as pages:
            async for rows in pages:
                for row in rows:
                    yield row

    async def pages(
        self,
        endpoint: ListEndpoint[Row],
        *,
        start: int = 0,
        concurrency: int | None = None,
        reader: PageReader | None = None,
    ) -> AsyncGenerator[list[Row], None]:
        """Yield the rows of a listing in order, page by page.

        Pages are prefetched in tasks once the total is known. No page is empty: the one that ends a listing
        is not yielded. When the iteration is closed, requests in flight are cancelled.

        :param start: number of the row to begin with, from 0.
        :param concurrency: concurrent requests; default as the connection's ``max_concurrency``.
        :param reader: reads pages into other objects than the declared models; called as responses arrive.
        :raises DamstraError: if a page failed, or the server repeats pages.
        """
        limit = concurrency or self.settings.max_concurrency
        paginator = OffsetPaginator(endpoint, page_size=self.settings.page_size, start=start)
        pending: deque[asyncio.Task[Page[Row]]] = deque()
        try:
            while not paginator.is_finished:
                planned = paginator.next_requests(limit - len(pending))
                if len(planned) == 1 and not pending:
                    page = await self._fetch_page(endpoint, reader, planned[0])
                else:
                    pending.extend(
                        asyncio.create_task(self._fetch_page(endpoint, reader, request))
                        for request in planned
                    )
                    page = await pending[0]
                    pending.popleft()
                rows, is_plan_void = paginator.accept(page)
                if is_plan_void:
                    await _cancel(pending)
                if rows:
                    yield rows
        finally:
            await _cancel(pending)

    async def _fetch_page(
        self, endpoint: ListEndpoint[Row], reader: PageReader | None, request: Request
    ) -> Page[Row]:
        async def attempt() -> Page[Row]:
            return self._read_page(endpoint, request, await self._send(request), reader)

        return await self._with_retries(attempt)

    async def _with_retries(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Return the result of an attempt, which is repeated after retryable errors.

        The first attempt is made without tenacity: its loop costs a tenth of a page of 1,000 rows, and its
        state is cyclic garbage, whose collection takes a third of the CPU time of a poll in the triggerer.
        """
        try:
            return await attempt()
        except DamstraError as error:
            errors = [error]

        async def repeat() -> Result:
            if errors:
                # Tenacity counts the first attempt, too.
                raise errors.pop()
            return await attempt()

        options: dict[str, Any] = {"sleep": self._sleep, **self._retry_options()}
        return await AsyncRetrying(**options)(repeat)

    async def _send(self, request: Request) -> Response:
        """Send one request and read the whole response.

        :raises DamstraError: if there is no complete response.
        """
        session = self._session or await self._open_session()
        failure, has_response = None, False
        async with self._rate_limiter.async_permit():
            started = time.monotonic()
            try:
                async with session.request(
                    request.method,
                    URL(self.settings.base_url + request.target, encoded=True),
                    data=request.content,
                    # Headers of the session would be sent with CONNECT to a proxy.
                    headers=self._headers,
                    allow_redirects=False,
                    proxy=self._proxy,
                ) as response:
                    has_response = True
                    reader = self._body_reader(response.status, response.headers)
                    async for chunk in response.content.iter_any():
                        if not reader.feed(chunk):
                            break
                    body = reader.body()
            except (aiohttp.ClientError, OSError, *BODY_ERRORS) as error:
                failure = transport_error(
                    request, error, self.settings, proxy=self._proxy_address, has_response=has_response
                )
        self._record(request, started, None if failure else response.status)
        if failure:
            # Not in the except block: the library's exception, which may show the key, would be its context.
            raise failure
        return self._redacted_response(response.status, response.headers, body)

    async def _open_session(self) -> aiohttp.ClientSession:
        """Return the session, which belongs to the running event loop."""
        async with self._opening:
            if self._session is None:
                timeout = self.settings.timeout
                uses_tls = any(
                    url.startswith("https:") for url in (self.settings.base_url, self._proxy or "")
                )
                trusted = await asyncio.to_thread(ssl_context, self.settings.verify) if uses_tls else True
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=self.settings.max_concurrency, ssl=trusted),
                    timeout=aiohttp.ClientTimeout(
                        total=response_timeout(self.settings), sock_connect=timeout, sock_read=timeout
                    ),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    max_line_size=_MAX_HEADER_BYTES,
                    max_field_size=_MAX_HEADER_BYTES,
                )
                # aiohttp would resend idempotent requests by itself, outside of rate limit and retries.
                self._session._retry_connection = False
            return self._session


async def _cancel(pending: deque[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended, so that none outlives its listing."""
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    pending.clear()
