"""Which page to ask for next, and when a listing is over: pure, so that both faces page alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.models.base import Model, Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_damstra.endpoints.base import ListEndpoint
    from airflow_provider_damstra.http import Request, Response

Row = TypeVar("Row", bound=Model)


class Paging(Generic[Row]):
    """The course of one listing.

    Advances by what came, not by what was asked, for the server may cap a page. While the total is known,
    pages are planned ahead; a page of another length than planned makes the plan void, and from there on one
    page is asked for after the other. The ``total`` of the server only ends a listing if it agrees with the
    rows that came; an empty page always does.
    """

    def __init__(self, endpoint: ListEndpoint[Row], *, page_size: int) -> None:
        self.is_over = False
        self._endpoint = endpoint
        self._size = self._step = page_size
        self._rows = self._planned = 0
        self._total: int | None = None
        self._plans_ahead = True
        self._pages_seen: set[int] = set()

    def plan(self, most: int) -> list[Request]:
        """Return the requests that are worth sending now, at most ``most``, in the order of their rows."""
        requests: list[Request] = []
        while len(requests) < most and self._may_ask():
            requests.append(self._endpoint.page_request(start=self._planned, size=self._size))
            self._planned += self._step
        return requests

    def accept(self, page: Page[Row]) -> tuple[list[Row], bool]:
        """Return the rows of the next page in order, and whether the requests planned after it are void.

        :raises DamstraResponseError: if the server repeats itself.
        """
        count = page.row_count
        if count:
            self._refuse_repetition(page)
        is_first, self._rows = self._rows == 0, self._rows + count
        self._total = page.total if page.total is not None and page.total >= self._rows else None
        self.is_over = count == 0 or self._total == self._rows
        is_void = not self.is_over and count != self._step
        if is_void:
            self._plans_ahead = is_first
            self._step = count if is_first else self._size
            self._planned = self._rows
        return page.rows, is_void

    def _may_ask(self) -> bool:
        if self.is_over:
            return False
        if self._planned == self._rows:
            return True
        return self._plans_ahead and self._total is not None and self._planned < self._total

    def _refuse_repetition(self, page: Page[Row]) -> None:
        fingerprint = page.fingerprint
        if fingerprint in self._pages_seen:
            raise DamstraResponseError(
                f"{self._endpoint.request()} repeats itself: the page from row {self._rows} on has the same "
                "rows as one before, so the server ignores startIndex. The listing was not followed further.",
                request=self._endpoint.request(),
            )
        self._pages_seen.add(fingerprint)


class PageReader(Protocol):
    """Reads the pages of a listing in another way than as the declared models."""

    def read(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> Any:
        """Return what has the properties of a ``Page``."""


class PageMemory:
    """Recognises by its bytes a page that has not changed, so that it need not be read again.

    :param row: the type that rows are read as, or None for the declared one.
    :param reduce: what is kept of a row.
    """

    def __init__(self, *, row: type[Model] | None, reduce: Callable[[Any], Any]) -> None:
        self._row = row
        self._reduce = reduce
        self._pages: dict[tuple[tuple[str, str], ...], tuple[int, Page[Any]]] = {}

    def read(self, endpoint: ListEndpoint[Row], request: Request, response: Response) -> Page[Row]:
        """Return the page, with its rows reduced.

        :raises DamstraError: if the answer is an error, or cannot be read.
        """
        fingerprint = hash(response.body)
        known, page = self._pages.get(request.query, (None, None))
        if page is not None and known == fingerprint and response.is_success:
            return page
        read = (
            endpoint.read_as(self._row, request, response) if self._row else endpoint.read(request, response)
        )
        page = read.model_copy(update={"results": [self._reduce(row) for row in read.results]})
        self._pages[request.query] = (fingerprint, page)
        return page
