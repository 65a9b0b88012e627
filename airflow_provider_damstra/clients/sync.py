"""The client for workers, on urllib3."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import unquote, urlsplit

import urllib3
from tenacity import Retrying
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as Urllib3TimeoutError

from airflow_provider_damstra.clients.ahead import PagesAhead
from airflow_provider_damstra.clients.causes import BROKE, find_cause, in_plain_words
from airflow_provider_damstra.clients.core import ClientCore, Conversation, Observer
from airflow_provider_damstra.clients.paging import Paging
from airflow_provider_damstra.clients.proxies import proxy_for
from airflow_provider_damstra.clients.raw_pages import StreamReader
from airflow_provider_damstra.clients.trust import check_bundle, trust
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.models.base import Model, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

    from airflow_provider_damstra.clients.paging import PageReader
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, Paged
    from airflow_provider_damstra.wire import Request, Response

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that has begun, and the seconds from its request until then."""

    answer: urllib3.BaseHTTPResponse
    seconds: float

    def close(self) -> None:
        """Give it up unread, and its connection with it."""
        self.answer.close()


class Client:
    """Calls Damstra Learning and waits for the answer. Threads may share one.

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
        on_secret: Callable[[str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        check_bundle(settings.verify)
        self.settings = settings
        self._core = ClientCore(settings, observe=observe)
        self._on_secret = on_secret
        self._retrying = Retrying(sleep=sleep, **self._core.retrying())
        self._connections = _connections(settings)
        self._headers = self._core.headers | urllib3.make_headers(accept_encoding="gzip,deflate")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connections.clear()

    def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return the answer to one call.

        :raises DamstraError: if it failed.
        """
        answer = self._try(lambda: self._core.converse(endpoint))
        if self._on_secret and endpoint.answer_is_secret:
            self._on_secret(str(answer))
        return answer

    def iterate(self, endpoint: Paged[Row], *, concurrency: int | None = None) -> Generator[Row, None, None]:
        """Yield the rows of a listing in order, each read as it is taken.

        Arguments and errors are those of ``pages``.
        """
        with closing(self.pages(endpoint, concurrency=concurrency, reader=StreamReader())) as pages:
            for rows in pages:
                yield from rows

    def pages(
        self,
        endpoint: Paged[Row],
        *,
        concurrency: int | None = None,
        reader: PageReader | None = None,
    ) -> Generator[list[Row], None, None]:
        """Yield the rows of a listing in order, page by page, fetching ahead when the total is known.

        No page is empty: the one that ends a listing is not yielded.

        :param concurrency: pages in flight at once; default as the connection's ``max_concurrency``.
        :param reader: reads pages in another way than as the declared models.
        :raises DamstraError: if a page failed, or the server repeats itself.
        """
        settings = self._core.settings
        most = concurrency or settings.max_concurrency
        paging = Paging(endpoint, page_size=settings.page_size)
        read = partial(self._page, endpoint, reader)
        with closing(PagesAhead(self._ask, read, most=most)) as ahead:
            while not paging.is_over:
                planned = paging.plan(most - len(ahead))
                if len(planned) == 1 and not len(ahead):
                    # The usual case, without a thread.
                    page = read(planned[0])
                else:
                    ahead.ask_for(planned)
                    page = ahead.take()
                rows, rest_is_void = paging.accept(page)
                if rest_is_void:
                    ahead.drop()
                if page.row_count:
                    yield rows

    def _page(
        self,
        endpoint: Paged[Row],
        reader: PageReader | None,
        request: Request,
        opened: Future[Opened] | None = None,
    ) -> Page[Row]:
        """Return one page; its answer may have begun already."""

        def converse() -> Conversation[Page[Row]]:
            return self._core.converse_page(endpoint, request, reader=reader)

        if opened is None:
            return self._try(converse)
        return self._try(converse, first=lambda _: self._read(request, opened.result()))

    def _try(
        self,
        start: Callable[[], Conversation[Answer]],
        *,
        first: Callable[[Request], Response] | None = None,
    ) -> Answer:
        """Return the answer at the end of a conversation, which may be begun anew.

        :param first: what the first attempt gets its responses from.
        """
        try:
            return self._drive(start(), first or self._send)
        except DamstraError as error:
            failures = self._core.tries_again_after(error)

        def attempt() -> Answer:
            for failure in failures:
                raise failure
            return self._drive(start(), self._send)

        answer: Answer = self._retrying.copy()(attempt)
        return answer

    def _drive(self, conversation: Conversation[Answer], send: Callable[[Request], Response]) -> Answer:
        try:
            request = next(conversation)
            while True:
                request = conversation.send(send(request))
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    def _send(self, request: Request) -> Response:
        with self._core.limits.turn():
            return self._read(request, self._open(request))

    def _ask(self, request: Request) -> Opened:
        """Send a request and return its answer when it begins: no request is in flight then."""
        with self._core.limits.turn():
            return self._open(request)

    def _open(self, request: Request) -> Opened:
        started = time.monotonic()
        try:
            answer = self._connections.urlopen(
                request.method,
                self._core.url(request),
                body=request.content,
                headers=self._headers,
                redirect=False,
                preload_content=False,
            )
            return Opened(answer, time.monotonic() - started)
        except (HTTPError, OSError) as error:
            failure = self._failure(request, error)
        self._core.observed(request, started)
        # Out here, so that the error does not carry that of urllib3, which knows what came.
        raise failure

    def _read(self, request: Request, opened: Opened) -> Response:
        answer, failure = opened.answer, None
        # As if it had been read at once: how long it waited for that says nothing of the server.
        started = time.monotonic() - opened.seconds
        try:
            body = answer.read()
            answer.release_conn()
        except (HTTPError, OSError) as error:
            answer.close()
            failure = self._failure(request, error, has_begun=True)
        self._core.observed(request, started, None if failure else answer.status)
        if failure:
            raise failure
        return self._core.response(status=answer.status, headers=answer.headers, body=body)

    def _failure(self, request: Request, error: Exception, *, has_begun: bool = False) -> DamstraError:
        """Return what urllib3's exception means.

        :param has_begun: whether the answer had begun.
        """
        if find_cause(error, SSLError):
            return self._core.untrusted(request, in_plain_words(error))
        # For urllib3, a connection that was refused is one that took too long, and that is a timeout.
        if find_cause(error, NewConnectionError):
            return self._core.no_answer(request, in_plain_words(error), was_sent=False)
        if find_cause(error, ConnectTimeoutError):
            return self._core.not_connected(request)
        if find_cause(error, Urllib3TimeoutError):
            return self._core.silent(request)
        return self._core.truncated(request) if has_begun else self._core.no_answer(request, BROKE)


def _connections(settings: ClientSettings) -> urllib3.PoolManager:
    """Return where requests get their connections."""
    options: dict[str, Any] = {
        # As many are in flight, and as many may have answers that nobody has read yet.
        "maxsize": 2 * settings.max_concurrency,
        "retries": False,
        "timeout": urllib3.Timeout(connect=settings.timeout, read=settings.timeout),
    }
    if urlsplit(settings.base_url).scheme == "https":
        trusted = trust(settings.verify)
        options |= {"ssl_context": trusted} if trusted else {"cert_reqs": "CERT_NONE"}
    proxy = proxy_for(settings.base_url)
    if proxy is None:
        return urllib3.PoolManager(**options)
    login = urlsplit(proxy).netloc.rpartition("@")[0]
    headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
