"""Synchronous client for hooks, operators and services, on requests."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from requests.exceptions import BaseHTTPError  # type: ignore[attr-defined] # the stubs do not export it
from tenacity import Retrying

from airflow_provider_damstra.clients.base import BaseClient, Observer
from airflow_provider_damstra.clients.body import BODY_ERRORS
from airflow_provider_damstra.clients.environment import validate_ca_bundle
from airflow_provider_damstra.clients.pagination import OffsetPaginator
from airflow_provider_damstra.clients.raw_pages import StreamingReader
from airflow_provider_damstra.clients.session import create_session, read_body
from airflow_provider_damstra.clients.transport_errors import response_timeout, transport_error
from airflow_provider_damstra.models.base import Model, Page

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.pagination import PageReader
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.http import Request, Response

Result = TypeVar("Result")
Row = TypeVar("Row", bound=Model)


class Client(BaseClient):
    """Call Damstra Learning and block until the response is there. Threads may share one client.

    All requests go through ``session``, a ``requests.Session``: mount an adapter on it, or use requests-mock,
    to replace the network in tests. Redirects are not followed and cookies are not kept.

    Retries
        Up to the connection's ``max_retries``, after ``Retry-After`` or an exponential backoff with jitter:

        - 429: always; the request was not carried out;
        - no connection: always, unless the server's certificate was refused;
        - 5xx, time-outs, connections that broke, truncated responses: GET and PUT only;
        - anything else, and a ``Retry-After`` of more than a minute: never.

    :param settings: address, key and limits.
    :param observe: called after each request with the request, its status and the seconds it took.
    :param on_secret: called with each response that is a secret, before it is returned.
    :param sleep: waits between two attempts; for tests.
    :raises DamstraConfigurationError: if the CA bundle or the environment's proxy cannot be used.
    """

    supports_socks = True

    def __init__(
        self,
        settings: ClientSettings,
        *,
        observe: Observer | None = None,
        on_secret: Callable[[str], None] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(settings, observe=observe)
        self._on_secret = on_secret
        self._sleep = sleep
        if settings.base_url.startswith("https:") or isinstance(settings.verify, str):
            validate_ca_bundle(settings.verify)
        self.session = create_session(
            verify=settings.verify, proxy=self._proxy, pool_size=settings.max_concurrency
        )
        self.session.headers.update(self._headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def call(self, endpoint: Endpoint[Result]) -> Result:
        """Return the result of one operation.

        :raises DamstraError: if it failed.
        """
        for attempt in self._retrying(time.sleep):
            with attempt:
                request = self._request(endpoint)
                response = self._send(request)
                fallback = self._fallback_request(endpoint, request, response)
                if fallback:
                    request, response = fallback, self._send(fallback)
                    self._remember_method(endpoint, request, response)
                result = endpoint.read(request, response)
        if self._on_secret and endpoint.response_is_secret:
            self._on_secret(str(result))
        return result

    def send(self, request: Request) -> Response:
        """Send one request, without retries, and return the response, whatever its status is.

        :raises DamstraTransportError: if there is no complete response.
        """
        return self._send(request)

    def iterate(
        self, endpoint: ListEndpoint[Row], *, concurrency: int | None = None
    ) -> Generator[Row, None, None]:
        """Yield the rows of a listing in order, each parsed when it is taken.

        :param concurrency: concurrent requests; default as the connection's ``max_concurrency``.
        :raises DamstraError: if a page failed, or the server repeats pages.
        """
        with closing(self.pages(endpoint, concurrency=concurrency, reader=StreamingReader())) as pages:
            for rows in pages:
                yield from rows

    def pages(
        self,
        endpoint: ListEndpoint[Row],
        *,
        concurrency: int | None = None,
        reader: PageReader | None = None,
    ) -> Generator[list[Row], None, None]:
        """Yield the rows of a listing in order, page by page.

        Pages are prefetched in threads once the total is known. No page is empty: the one that ends a listing
        is not yielded. When the iteration is closed, requests in flight end in the background and no other is
        sent.

        :param concurrency: concurrent requests; default as the connection's ``max_concurrency``.
        :param reader: reads pages into other objects than the declared models; called in worker threads.
        :raises DamstraError: if a page failed, or the server repeats pages.
        """
        limit = concurrency or self.settings.max_concurrency
        paginator = OffsetPaginator(endpoint, page_size=self.settings.page_size)
        stopped = threading.Event()
        fetch = partial(self._fetch_page, endpoint, reader, stopped)
        pending: deque[Future[Page[Row]]] = deque()
        pool: ThreadPoolExecutor | None = None
        try:
            while not paginator.is_finished:
                planned = paginator.next_requests(limit - len(pending))
                if len(planned) == 1 and not pending:
                    page = fetch(planned[0])  # Most listings have one page, and need no thread.
                else:
                    pool = pool or ThreadPoolExecutor(limit, thread_name_prefix="damstra-pages")
                    pending.extend(pool.submit(fetch, request) for request in planned)
                    page = pending.popleft().result()
                rows, is_plan_void = paginator.accept(page)
                if is_plan_void:
                    for future in pending:
                        future.cancel()
                    pending.clear()
                if rows:
                    yield rows
        finally:
            stopped.set()
            if pool:
                pool.shutdown(wait=False, cancel_futures=True)

    def _fetch_page(
        self,
        endpoint: ListEndpoint[Row],
        reader: PageReader | None,
        stopped: threading.Event,
        request: Request,
    ) -> Page[Row]:
        for attempt in self._retrying(stopped.wait):
            with attempt:
                page = self._read_page(endpoint, request, self._send(request, stopped), reader)
        return page

    def _retrying(self, sleep: Callable[[float], object]) -> Retrying:
        options: dict[str, Any] = {"sleep": self._sleep or sleep, **self._retry_options()}
        return Retrying(**options)

    def _send(self, request: Request, stopped: threading.Event | None = None) -> Response:
        """Send one request and read the whole response.

        :raises CancelledError: if ``stopped`` was set before the request could be sent.
        :raises DamstraError: if there is no complete response.
        """
        failure, has_response = None, False
        with self._rate_limiter.permit(stopped):
            started = time.monotonic()
            try:
                with self.session.request(
                    request.method,
                    self.settings.base_url + request.target,
                    data=request.content,
                    timeout=self.settings.timeout,
                    stream=True,
                ) as response:
                    has_response = True
                    reader = self._body_reader(response.status_code, response.headers)
                    body = read_body(response, reader, seconds=response_timeout(self.settings))
            except (OSError, BaseHTTPError, *BODY_ERRORS) as error:
                failure = transport_error(
                    request, error, self.settings, proxy=self._proxy_address, has_response=has_response
                )
        self._record(request, started, None if failure else response.status_code)
        if failure:
            # Not in the except block: the library's exception, which may show the key, would be its context.
            raise failure
        return self._redacted_response(response.status_code, response.headers, body)
