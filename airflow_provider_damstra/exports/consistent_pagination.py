"""Offset pagination that loses no row although rows are added and deleted while a listing is read.

The API pages by row number. When a row is deleted, all rows behind it move up, and one may move to a page
that was read already. Pages therefore overlap by one row: each must begin with the row that was the last of
the page before. If it does, no row was skipped, regardless of rows added and deleted meanwhile and of the
number of concurrent requests. If it does not, the page before is read again, and rows that were returned are
left out.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_provider_damstra.clients.raw_pages import RawReader, RawRow, RowKey, row_key

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.raw_pages import RawPage
    from airflow_provider_damstra.endpoints.base import ListEndpoint
    from airflow_provider_damstra.http import Request, Response

MAX_READINGS = 3
"""Maximum number of readings of a listing, if rows move in each of them."""

_MAX_REALIGNMENTS = 10
"""Maximum number of realignments at one position before rows are accepted without a check."""

_MAX_EQUAL_PAGES = 4
"""From this number on, a page that is returned again counts as repeated: before, rows may have moved."""

log = logging.getLogger(__name__)


class SupportsPages(Protocol):
    """The part of ``AsyncClient`` that exports need."""

    def pages(
        self, endpoint: Any, *, start: int = 0, concurrency: int | None = None, reader: Any = None
    ) -> AsyncGenerator[Any, None]:
        """Yield the rows of a listing page by page, as the reader returns them."""


class PageCursor(NamedTuple):
    """Start of a page.

    :param row: the number of its first row, from 0.
    :param key: the key of that row, or None if there is no such row or it has no key.
    """

    row: int
    key: RowKey | None = None


@dataclass(frozen=True, slots=True)
class OverlappingPage:
    """The rows of one page, without the last one if that is also the first of the next page.

    :param first_key: the key of the first row.
    :param next_cursor: where the next page begins.
    :param is_resumed: whether the rows follow those that were read before ``resume_from``.
    """

    rows: list[RawRow]
    first_key: RowKey | None = None
    next_cursor: PageCursor | None = None
    is_resumed: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[RawRow]:
        return iter(self.rows)

    def without_first(self, count: int) -> OverlappingPage:
        """Return the page without its first rows."""
        return replace(self, rows=self.rows[count:]) if count else self


class ConsistentPaginator:
    """Read one listing so that no row is lost.

    A listing that has another order at each request cannot be read so: after some attempts its rows are taken
    without a check, a warning is logged and ``is_complete`` is False.

    :param concurrency: concurrent requests.
    :param rereads: whether a listing in which rows moved is read again, up to ``MAX_READINGS`` times: a row
        whose own position changed may have been skipped. For consumers that deduplicate rows.
    """

    def __init__(
        self, client: SupportsPages, listing: ListEndpoint[Any], *, concurrency: int, rereads: bool = False
    ) -> None:
        self._client = client
        self._listing = listing
        self._concurrency = concurrency
        self._max_readings = MAX_READINGS if rereads else 1
        self._reader = OverlappingReader()
        self._resume_from: PageCursor | None = None
        self._last: OverlappingPage | None = None
        self._lost_key: RowKey | None = None
        self._start_reading()

    @property
    def total(self) -> int | None:
        """Return the number of rows, once the server has sent it."""
        return self._reader.total

    async def pages(self, *, resume_from: PageCursor | None = None) -> AsyncGenerator[OverlappingPage, None]:
        """Yield the rows page by page.

        :param resume_from: where an earlier try stopped. If the same row is there still, the first page
            begins with it and has ``is_resumed``; if not, the listing is read from its beginning.
        :raises DamstraError: if a page failed.
        """
        self._resume_from = resume_from
        for _ in range(self._max_readings):
            self._start_reading()
            row: int | None = self._resume_from.row if self._resume_from else 0
            while row is not None:
                async with aclosing(self._read_from(row)) as pages:
                    async for page in pages:
                        yield page
                row = self._next_row()
            if not self._has_moved:
                return

    async def _read_from(self, row: int) -> AsyncGenerator[OverlappingPage, None]:
        """Yield pages until the end of the listing or a page that does not follow on the last one."""
        self._last = None
        async with aclosing(self._request_pages(row)) as pages:
            async for page in pages:
                new = self._align(page)
                if new is None:
                    return
                if new.rows:
                    yield new
        if self._resume_from and self._resume_from.key is None:
            # The earlier try had read all rows, but not the empty page at the end.
            yield OverlappingPage([], next_cursor=self._resume_from, is_resumed=True)
            self._resume_from = None

    def _request_pages(self, row: int) -> AsyncGenerator[OverlappingPage, None]:
        # The fewer requests are in flight, the less time there is for rows to move between two pages.
        concurrency = max(1, self._concurrency >> self._realignments)
        return self._client.pages(self._listing, start=row, concurrency=concurrency, reader=self._reader)

    def _start_reading(self) -> None:
        self.is_complete = True
        self._has_moved = self._is_realigning = self._is_aligned = False
        self._furthest_row = self._realignments = 0
        self._returned_keys: set[RowKey | None] = set()

    @property
    def _expected_key(self) -> RowKey | None:
        """Return the key with which the next page must begin, or None if that is unknown."""
        cursor = self._last.next_cursor if self._last else None
        return cursor.key if cursor and self.is_complete else None

    def _align(self, page: OverlappingPage) -> OverlappingPage | None:
        """Return the page without rows that were returned before, or None if it does not follow on them."""
        if self._resume_from:
            if self._resume_from.key is None or page.first_key != self._resume_from.key:
                return None
            self._resume_from = None
            page = replace(page, is_resumed=True)
        duplicates = 0
        if self._expected_key is None:
            # If rows were added meanwhile, some of the page before are on this one too.
            duplicates = self._count_up_to(self._keys(self._last), page)
        elif page.first_key != self._expected_key:
            return None
        self._last = page
        if page.next_cursor and page.next_cursor.row > self._furthest_row:
            self._furthest_row, self._realignments = page.next_cursor.row, 0
        new = page.without_first(duplicates)
        return self._realign(new) if self._is_realigning and new.rows else new

    def _realign(self, page: OverlappingPage) -> OverlappingPage | None:
        """Return the rows behind those that were returned, or None if their end is not on this page."""
        duplicates = self._count_up_to(self._returned_keys, page)
        if not duplicates and self._is_aligned:
            self._returned_keys.clear()
        elif not duplicates:
            keys = [row_key(row, self._listing) for row in page.rows]
            if self._lost_key not in keys:
                return None
            duplicates = keys.index(self._lost_key)
        self._is_aligned = True
        return page.without_first(duplicates)

    def _next_row(self) -> int | None:
        """Return the row from which reading continues, or None at the end of the listing."""
        if self._resume_from:
            log.info("%s has changed since the last try, and is read from its beginning.", self._request)
            self._resume_from = None
            return 0
        if self._is_realigning and not self._is_aligned:
            # All rows are returned again: duplicates are better than missing rows.
            self._is_realigning = False
            self._returned_keys.clear()
            return 0
        if self._expected_key is None or self._last is None:
            return None
        self._record_move()
        self._is_realigning, self._is_aligned = True, False
        self._lost_key = self._expected_key
        self._returned_keys |= self._keys(self._last)
        row = self._last.next_cursor.row if self._last.next_cursor else 0
        return max(0, row - self._reader.max_row_count + 1)

    def _count_up_to(self, keys: set[RowKey | None], page: OverlappingPage) -> int:
        """Return the number of rows up to the last one that has one of the keys."""
        if not keys:
            return 0
        found = (count for count, row in enumerate(page.rows, 1) if row_key(row, self._listing) in keys)
        return max(found, default=0)

    def _keys(self, page: OverlappingPage | None) -> set[RowKey | None]:
        return {row_key(row, self._listing) for row in page.rows} - {None} if page else set()

    def _record_move(self) -> None:
        if not self._has_moved:
            log.info(
                "Rows of %s moved while they were read: reading continues at their new position.",
                self._request,
            )
        self._has_moved = True
        self._realignments += 1
        if self._realignments == _MAX_REALIGNMENTS:
            self.is_complete = False
            log.warning(
                "Rows of %s move faster than they can be read: one may be missing, or be there twice.",
                self._request,
            )

    @property
    def _request(self) -> Request:
        return self._listing.request()


class OverlappingReader(RawReader):
    """Read pages as ``OverlappingPage``: the last row of each is left to the next.

    It is not where a page has only one row, the row has no key, or the listing has no documented paging: a
    server may return all rows again in its second page.
    """

    def __init__(self) -> None:
        self.max_row_count = 1
        self._seen: Counter[int] = Counter()

    def read(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> RawPage:
        """Return the page.

        :raises DamstraError: if the response is an error or no page.
        """
        page = super().read(endpoint, request, response)
        query = dict(request.query)
        start, count = int(query.get("startIndex", 0)), page.row_count
        self.max_row_count = max(self.max_row_count, count)
        is_full = str(count) == query.get("maxResults")
        has_more = is_full if page.total is None else start + count < page.total
        overlaps = has_more and count > 1 and endpoint.has_documented_paging
        last_key = row_key(page.rows[-1], endpoint) if overlaps else None
        rows = page.rows if last_key is None else page.rows[:-1]
        first_key = row_key(rows[0], endpoint) if rows else None
        overlapping: Any = OverlappingPage(rows, first_key, PageCursor(start + len(rows), last_key))
        if not endpoint.has_documented_paging:
            return replace(page, rows=overlapping)
        return replace(page, rows=overlapping, fingerprint=self._fingerprint(page))

    def _fingerprint(self, page: RawPage) -> int:
        """Return a number that is the same only for a page that was returned several times."""
        self._seen[page.fingerprint] += 1
        return hash((page.fingerprint, min(self._seen[page.fingerprint], _MAX_EQUAL_PAGES)))
