"""The client for workers, on requests."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Self, TypeVar

import requests
from requests.adapters import HTTPAdapter
from tenacity import Retrying
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from airflow_provider_damstra.clients.causes import BROKE, find_cause, in_plain_words
from airflow_provider_damstra.clients.core import ClientCore, Conversation, Observer
from airflow_provider_damstra.clients.paging import Paging
from airflow_provider_damstra.clients.trust import check_bundle
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.models.base import Model, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from airflow_provider_damstra.clients.paging import PageReader
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.endpoints.base import Endpoint, Paged
    from airflow_provider_damstra.wire import Request, Response

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)

_PIECE = 1 << 20


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
        self._session = _session(self._core)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return the answer to one call.

        :raises DamstraError: if it failed.
        """
        answer = self._try(lambda: self._core.converse(endpoint))
        if self._on_secret and endpoint.answer_is_secret:
            self._on_secret(str(answer))
        return answer

    def iterate(self, endpoint: Paged[Row], *, concurrency: int | None = None) -> Generator[Row, None, None]:
        """Yield the rows of a listing in order; arguments and errors are those of ``pages``."""
        with closing(self.pages(endpoint, concurrency=concurrency)) as pages:
            for rows in pages:
                yield from rows

    def pages(
        self,
        endpoint: Paged[Row],
        *,
        concurrency: int | None = None,
        reader: PageReader | None = None,
        start: int = 0,
    ) -> Generator[list[Row], None, None]:
        """Yield the rows of a listing in order, page by page, fetching ahead when the total is known.

        :param concurrency: pages in flight at once; default as the connection's ``max_concurrency``.
        :param reader: reads pages in another way than as the declared models.
        :param start: how many rows at the beginning are left out, because they came before.
        :raises DamstraError: if a page failed, or the server repeats itself.
        """
        settings = self._core.settings
        most = concurrency or settings.max_concurrency
        paging = Paging(endpoint, page_size=settings.page_size, start=start)
        pending: deque[Future[Page[Row]]] = deque()
        pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix="damstra-page")
        try:
            while not paging.is_over:
                planned = paging.plan(most - len(pending))
                if len(planned) == 1 and not pending:
                    # The usual case, without a thread.
                    page = self._page(endpoint, planned[0], reader)
                else:
                    pending.extend(pool.submit(self._page, endpoint, one, reader) for one in planned)
                    page = pending.popleft().result()
                rows, rest_is_void = paging.accept(page)
                if rest_is_void:
                    _drop(pending)
                yield rows
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _page(self, endpoint: Paged[Row], request: Request, reader: PageReader | None) -> Page[Row]:
        return self._try(lambda: self._core.converse_page(endpoint, request, reader=reader))

    def _try(self, start: Callable[[], Conversation[Answer]]) -> Answer:
        try:
            return self._drive(start())
        except DamstraError as error:
            failures = self._core.tries_again_after(error)

        def attempt() -> Answer:
            for failure in failures:
                raise failure
            return self._drive(start())

        answer: Answer = self._retrying.copy()(attempt)
        return answer

    def _drive(self, conversation: Conversation[Answer]) -> Answer:
        try:
            request = next(conversation)
            while True:
                request = conversation.send(self._send(request))
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    def _send(self, request: Request) -> Response:
        timeout = self.settings.timeout
        failure = None
        with self._core.limits.turn():
            started = time.monotonic()
            try:
                answer = self._session.request(
                    request.method,
                    self._core.url(request),
                    data=request.content,
                    timeout=(timeout, timeout),
                    allow_redirects=False,
                    stream=True,
                )
                with answer:
                    # In large pieces: requests reads 10 KB at a time, which doubles the cost of a page.
                    body = b"".join(answer.iter_content(_PIECE))
            except requests.RequestException as error:
                failure = self._failure(request, error)
        self._core.observed(request, started, None if failure else answer.status_code)
        # Out here, so that the error does not carry that of requests, which knows headers and what came.
        if failure:
            raise failure
        return self._core.response(status=answer.status_code, headers=answer.headers, body=body)

    def _failure(self, request: Request, error: requests.RequestException) -> DamstraError:
        """Return what requests' exception means."""
        if isinstance(error, requests.exceptions.SSLError):
            return self._core.untrusted(request, in_plain_words(error))
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return self._core.not_connected(request)
        if isinstance(error, requests.exceptions.Timeout) or find_cause(error, ReadTimeoutError):
            return self._core.silent(request)
        if isinstance(
            error, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
        ):
            return self._core.truncated(request)
        was_sent = find_cause(error, NewConnectionError) is None
        return self._core.no_answer(request, BROKE if was_sent else in_plain_words(error), was_sent=was_sent)


def _session(core: ClientCore) -> requests.Session:
    session = requests.Session()
    session.headers.update(core.headers)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_maxsize=core.settings.max_concurrency, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # The environment's proxy and certificates, looked up once: requests would do it for each request, which
    # costs more than the request.
    address, verify = core.settings.base_url, core.settings.verify
    found = session.merge_environment_settings(address, {}, None, verify, None)
    session.trust_env = False
    session.proxies, session.verify = dict(found["proxies"]), found["verify"]
    return session


def _drop(pending: deque[Future[Any]]) -> None:
    for future in pending:
        future.cancel()
    pending.clear()
