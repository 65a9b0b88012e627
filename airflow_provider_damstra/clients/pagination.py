"""Offset pagination: which page to request next, and when a listing is finished; performs no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.models.base import Model, Page

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import ListEndpoint
    from airflow_provider_damstra.http import Request, Response

Row = TypeVar("Row", bound=Model)

log = logging.getLogger(__name__)


class OffsetPaginator(Generic[Row]):
    """Plan the page requests of one listing.

    Advances by the rows received, not by the rows requested, because the server may cap a page. While the
    total is known, pages are planned ahead. A page of another length than planned voids the plan; from there
    on pages are requested one after the other. The server's ``total`` ends a listing only if it agrees with
    the rows received; an empty page always does.

    A listing without documented paging is requested one page after the other, and ends at a page that begins
    again, or has no row that is new: then the server ignores ``startIndex``, and has returned all rows in the
    first response.

    :param page_size: rows to request per page.
    :param start: number of the row to begin with, from 0.
    """

    def __init__(self, endpoint: ListEndpoint[Row], *, page_size: int, start: int = 0) -> None:
        self.is_finished = False
        self._endpoint = endpoint
        self._size = self._step = page_size
        self._start = self._received = self._planned = start
        self._total: int | None = None
        self._plans_ahead = endpoint.has_documented_paging
        self._fingerprints: set[int] = set()
        self._first_key: Any = None
        self._keys: set[Any] = set()

    def next_requests(self, limit: int) -> list[Request]:
        """Return the requests worth sending now, at most ``limit``, in the order of their rows."""
        requests: list[Request] = []
        while len(requests) < limit and self._has_next():
            requests.append(self._endpoint.page_request(start=self._planned, size=self._size))
            self._planned += self._step
        return requests

    def accept(self, page: Page[Row]) -> tuple[list[Row], bool]:
        """Return the new rows of the next page in order, and whether the requests planned after it are void.

        :raises DamstraResponseError: if the server repeats a page of a listing with documented paging.
        """
        count = 0 if self._is_repeated(page) else page.row_count
        is_first, self._received = self._received == self._start, self._received + count
        self._total = page.total if page.total is not None and page.total >= self._received else None
        self.is_finished = count == 0 or self._total == self._received
        if self.is_finished and not self._endpoint.has_documented_paging:
            self._warn_of_other_total(page.total)
        is_plan_void = not self.is_finished and count != self._step
        if is_plan_void:
            self._plans_ahead = is_first and self._endpoint.has_documented_paging
            self._step = count if is_first else self._size
            self._planned = self._received
        return page.rows if count else [], is_plan_void

    def _has_next(self) -> bool:
        if self.is_finished:
            return False
        if self._planned == self._received:
            return True
        return self._plans_ahead and self._total is not None and self._planned < self._total

    def _is_repeated(self, page: Page[Row]) -> bool:
        """Return whether a page of a listing without documented paging begins again or has no new row.

        :raises DamstraResponseError: if the server repeats a page of a listing with documented paging.
        """
        if not page.row_count:
            return False
        is_known = page.fingerprint in self._fingerprints
        self._fingerprints.add(page.fingerprint)
        if self._endpoint.has_documented_paging:
            if is_known:
                raise self._repetition_error()
            return False
        keys = page.row_keys(self._endpoint)
        if self._received == self._start:
            self._first_key = keys[0]
        begins_again = (
            self._received > self._start and self._first_key is not None and self._first_key in keys
        )
        # The first row may have been removed since.
        has_new_row = None in keys or not self._keys.issuperset(keys)
        self._keys.update(keys)
        return is_known or begins_again or not has_new_row

    def _repetition_error(self) -> DamstraResponseError:
        request = self._endpoint.request()
        return DamstraResponseError(
            f"{request} repeats itself: the page from row {self._received} on has the same rows as one "
            "before, so the server ignores startIndex. The listing was not followed further.",
            request=request,
        )

    def _warn_of_other_total(self, total: int | None) -> None:
        if total not in (None, self._received):
            log.warning(
                "%s returned %d rows, and reports a total of %d. This listing has no documented paging, so "
                "the returned rows are taken for all of them.",
                self._endpoint.request(),
                self._received,
                total,
            )


class PageReader(Protocol):
    """Read the pages of a listing into other objects than the declared models."""

    def read(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> Any:
        """Return an object with the ``rows``, ``row_count``, ``total`` and ``fingerprint`` of a ``Page``.

        It also has its method ``row_keys``.

        :raises DamstraError: if the response is an error, or cannot be read.
        """


class PageCache:
    """Read pages, and parse only those whose bytes have changed since they were last read.

    :param row: type to read rows as, or None for the declared one.
    :param reduce: returns the part of a row to keep.
    """

    def __init__(self, *, row: type[Model] | None, reduce: Callable[[Any], Any]) -> None:
        self._row = row
        self._reduce = reduce
        self._pages: dict[tuple[tuple[str, str], ...], tuple[int, Page[Any]]] = {}

    def read(self, endpoint: ListEndpoint[Row], request: Request, response: Response) -> Page[Row]:
        """Return the page, with its rows reduced.

        :raises DamstraError: if the response is an error, or cannot be read.
        """
        fingerprint = hash(response.body)
        cached, page = self._pages.get(request.query, (None, None))
        if page is not None and cached == fingerprint and response.is_success:
            return page
        parsed = (
            endpoint.read_as(self._row, request, response) if self._row else endpoint.read(request, response)
        )
        page = parsed.model_copy(update={"results": [self._reduce(row) for row in parsed.results]})
        self._pages[request.query] = (fingerprint, page)
        return page
