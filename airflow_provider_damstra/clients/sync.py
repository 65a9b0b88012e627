"""The client for workers, on urllib3."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from tenacity import Retrying

from airflow_provider_damstra.clients.ahead import PagesAhead
from airflow_provider_damstra.clients.core import ClientCore, Conversation, Observer, wait_less
from airflow_provider_damstra.clients.paging import Paging
from airflow_provider_damstra.clients.raw_pages import StreamReader
from airflow_provider_damstra.clients.transport import Transport
from airflow_provider_damstra.clients.trust import check_bundle
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.models.base import Model, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from airflow_provider_damstra.clients.paging import PageReader
    from airflow_provider_damstra.clients.settings import ClientSettings
    from airflow_provider_damstra.clients.transport import Sent
    from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint
    from airflow_provider_damstra.http import Request, Response

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound=Model)


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
        self._transport = Transport(self._core)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.connections.clear()

    def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return the answer to one call.

        :raises DamstraError: if it failed.
        """
        answer = self._try(lambda: self._core.converse(endpoint))
        if self._on_secret and endpoint.response_is_secret:
            self._on_secret(str(answer))
        return answer

    def iterate(
        self, endpoint: ListEndpoint[Row], *, concurrency: int | None = None
    ) -> Generator[Row, None, None]:
        """Yield the rows of a listing in order, each read as it is taken.

        RequestModel and errors are those of ``pages``.
        """
        with closing(self.pages(endpoint, concurrency=concurrency, reader=StreamReader())) as pages:
            for rows in pages:
                yield from rows

    def pages(
        self,
        endpoint: ListEndpoint[Row],
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
        with closing(PagesAhead(self._transport, read, most=most)) as ahead:
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
        endpoint: ListEndpoint[Row],
        reader: PageReader | None,
        request: Request,
        asked: Callable[[], Sent] | None = None,
    ) -> Page[Row]:
        """Return one page.

        :param asked: returns the request on its way, if it was sent before.
        """
        return self._try(lambda: self._core.converse_page(endpoint, request, reader=reader), asked=asked)

    def _try(
        self, start: Callable[[], Conversation[Answer]], *, asked: Callable[[], Sent] | None = None
    ) -> Answer:
        """Return the answer at the end of a conversation, which may be begun anew.

        :param asked: returns the first attempt's only request, if that is on its way.
        """
        sent: Sent | None = None

        def answer_to(request: Request) -> Response:
            nonlocal sent
            if asked is None:
                return self._transport.call(request)
            sent = asked()
            return sent.read()

        try:
            return self._drive(start(), answer_to)
        except DamstraError as error:
            failures = self._core.tries_again_after(error)

        def attempt() -> Answer:
            for failure in failures:
                raise failure
            return self._drive(start(), self._transport.call)

        # What was sent ahead may have been refused long ago: who waited for the first has waited for all.
        wait = wait_less(sent.age if sent else 0.0)
        answer: Answer = self._retrying.copy(wait=wait)(attempt)
        return answer

    def _drive(self, conversation: Conversation[Answer], send: Callable[[Request], Response]) -> Answer:
        try:
            request = next(conversation)
            while True:
                request = conversation.send(send(request))
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer
