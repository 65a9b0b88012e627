"""Listings that lose no row although rows move while they are read.

The API pages by row number: when a row is deleted, all that follow move up, and one may move to a page that
was read already. So pages overlap by one row: each is to begin with the row that was the last of the page
before. If it does, no row has got past, whatever was added and deleted meanwhile, and however many pages were
asked for at once. If not, the page before is read again, and the listing gone on with behind what was handed
out.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_provider_damstra.clients.raw_pages import RowKey, row_key
from airflow_provider_damstra.exports.raw_pages import RawPage, RawReader, RawRow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from airflow_provider_damstra.clients.raw_pages import RowKey
    from airflow_provider_damstra.endpoints.base import ListEndpoint
    from airflow_provider_damstra.exports.raw_pages import RawPage
    from airflow_provider_damstra.http import Request, Response

MOST_READINGS = 3
"""How often a listing is read if rows move each time."""

_MOST_SETBACKS = 10

log = logging.getLogger(__name__)


class Pages(Protocol):
    """What exports need of a client."""

    def pages(
        self, endpoint: Any, *, concurrency: int | None = None, reader: Any = None
    ) -> Iterator[list[Any]]:
        """Yield the rows of a listing page by page."""


class WholeListing:
    """Reads one listing so that no row is lost.

    A listing whose order is another at each request cannot be read so: after some trouble it is taken as it
    comes, the log warns of it, and it is ``is_certain`` no more.

    :param concurrency: requests in flight at once.
    :param reads_again: whether a listing in which rows moved is read anew, a few times at most: a row that
        itself was put elsewhere may have got past. For whoever tells apart what comes again.
    """

    def __init__(
        self, client: Pages, listing: ListEndpoint[Any], *, concurrency: int, reads_again: bool = False
    ) -> None:
        self._client = client
        self._listing = listing
        self._concurrency = concurrency
        self._readings = MOST_READINGS if reads_again else 1
        self._reader = OverlappingReader()
        self._last = OverlappingRows()
        self._handed_out: set[RowKey | None] = set()
        self._furthest = self._setbacks = 0
        self._has_moved = False
        self.is_certain = True

    @property
    def total(self) -> int | None:
        """Return how many rows there are, once the server has said it."""
        return self._reader.total

    def pages(self, *, after: Place | None = None) -> Iterator[OverlappingRows]:
        """Yield the rows page by page.

        :param after: where an earlier attempt was. If this is as it was, the first page has no rows, and
            ``continues``; if not, the listing is read from its beginning.
        :raises DamstraError: if a page failed.
        """
        pages = self._following(after) if after else None
        if pages is not None:
            yield OverlappingRows(continues=True)
        for _ in range(self._readings):
            self._has_moved, self.is_certain = False, True
            self._furthest = self._setbacks = 0
            self._handed_out.clear()
            yield from self._one_reading(self._from(0) if pages is None else pages)
            pages = None
            if not self._has_moved:
                return

    def _following(self, place: Place) -> Iterator[OverlappingRows] | None:
        """Return the pages from a place on, or None if it is not as it was."""
        pages = self._from(place.row)
        first = next(pages, None)
        if first is None and place.key is None:
            return pages
        if first is not None and place.key is not None and first.first == place.key:
            return chain((first,), pages)
        log.info("%s has changed since the last attempt, and is read anew.", self._listing.request())
        return None

    def _one_reading(self, pages: Iterator[OverlappingRows]) -> Iterator[OverlappingRows]:
        yield from self._as_they_follow(pages)
        while self._expected is not None:
            self._note_that_rows_moved()
            is_found = yield from self._behind_the_last()
            if not is_found:
                # All comes once more: that is better than too little.
                self._handed_out.clear()
                yield from self._as_they_follow(self._from(0))

    def _from(self, row: int) -> Iterator[OverlappingRows]:
        rest = _From(row, self._listing, self._reader)
        listing, reader = (rest, rest) if row else (self._listing, self._reader)
        # The fewer are in flight, the less time there is for rows to move between two pages.
        concurrency = max(1, self._concurrency >> self._setbacks)
        for rows in self._client.pages(listing, concurrency=concurrency, reader=reader):
            # A client that asks no reader has pages of which nobody knows where they are.
            yield rows if isinstance(rows, OverlappingRows) else OverlappingRows(rows)

    @property
    def _expected(self) -> RowKey | None:
        """Return the key of the row with which the next page has to begin."""
        place = self._last.next
        return place.key if place and self.is_certain else None

    def _as_they_follow(self, pages: Iterator[OverlappingRows]) -> Iterator[OverlappingRows]:
        """Yield pages, the first as it is, as long as each begins as it has to."""
        self._last = OverlappingRows()
        for rows in pages:
            count = 0
            if self._expected is None:
                # If rows were added meanwhile, some of the page before are on this one too.
                count = self._count_up_to(self._keys(self._last), rows)
            elif self._expected != rows.first:
                return
            self._last = rows
            if rows.next and rows.next.row > self._furthest:
                self._furthest, self._setbacks = rows.next.row, 0
            if count < len(rows):
                yield rows.behind(count)

    def _behind_the_last(self) -> Generator[OverlappingRows, None, bool]:
        """Yield what is behind the rows handed out, wherever it is, and return whether that was found."""
        expected, is_found = self._expected, False
        self._handed_out |= self._keys(self._last)
        row = self._last.next.row if self._last.next else 0
        for rows in self._as_they_follow(self._from(max(0, row - self._reader.longest + 1))):
            count = self._count_up_to(self._handed_out, rows)
            if not (count or is_found):
                keys = [row_key(one, self._listing) for one in rows]
                if expected not in keys:
                    return False
                count = keys.index(expected)
            elif not count:
                self._handed_out.clear()
            is_found = True
            if count < len(rows):
                yield rows.behind(count)
        return is_found

    def _count_up_to(self, keys: set[RowKey | None], rows: OverlappingRows) -> int:
        """Return how many rows there are up to the last one that has one of the keys."""
        if not keys:
            return 0
        found = (count for count, row in enumerate(rows, 1) if row_key(row, self._listing) in keys)
        return max(found, default=0)

    def _keys(self, rows: OverlappingRows) -> set[RowKey | None]:
        return {row_key(row, self._listing) for row in rows} - {None}

    def _note_that_rows_moved(self) -> None:
        if not self._has_moved:
            log.info(
                "Rows of %s moved while they were read: it goes on from where they are.",
                self._listing.request(),
            )
        self._has_moved = True
        self._setbacks += 1
        if self._setbacks == _MOST_SETBACKS:
            self.is_certain = False
            log.warning(
                "Rows of %s move faster than they can be read: one may be missing, or be there twice.",
                self._listing.request(),
            )


class _From:
    """A listing from one of its rows on, as far as clients ask of it, and what reads its pages."""

    def __init__(self, row: int, listing: ListEndpoint[Any], reader: OverlappingReader) -> None:
        self._row = row
        self._listing = listing
        self._reader = reader
        self.request = listing.request
        self.row_type = listing.row_type

    def page_request(self, *, start: int, size: int) -> Request:
        return self._listing.page_request(start=self._row + start, size=size)

    def read(self, _: Any, request: Request, response: Response) -> RawPage:
        page = self._reader.read(self._listing, request, response)
        return page if page.total is None else replace(page, total=page.total - self._row)


_SAME_PAGES = 4


class Place(NamedTuple):
    """Where a page begins.

    :param row: the number of its first row, from 0.
    :param key: the key of that row, or None if there was none, or nobody knows.
    """

    row: int
    key: RowKey | None = None


class OverlappingRows(list[RawRow]):
    """The rows of one page.

    :param first: the key of the first.
    :param next: where the next page begins.
    :param continues: whether these follow what an earlier attempt has read.
    """

    def __init__(
        self,
        rows: Iterable[RawRow] = (),
        *,
        first: RowKey | None = None,
        next: Place | None = None,
        continues: bool = False,
    ) -> None:
        super().__init__(rows)
        self.first = first
        self.next = next
        self.continues = continues

    def behind(self, count: int) -> OverlappingRows:
        """Return the same page without so many of its first rows."""
        return self.replaced(self[count:]) if count else self

    def replaced(self, rows: Iterable[RawRow]) -> OverlappingRows:
        """Return the same page with other rows."""
        return OverlappingRows(rows, first=self.first, next=self.next, continues=self.continues)


class OverlappingReader(RawReader):
    """Reads pages, and leaves the last row of each to the next.

    It cannot where a page has but one row, or a row has no key.
    """

    def __init__(self) -> None:
        self.longest = 1
        self._seen: Counter[int] = Counter()

    def read(self, endpoint: ListEndpoint[Any], request: Request, response: Response) -> RawPage:
        """Return the page.

        :raises DamstraError: if the answer is an error, or no page.
        """
        page = super().read(endpoint, request, response)
        asked = dict(request.query)
        start, count = int(asked.get("startIndex", 0)), page.row_count
        self.longest = max(self.longest, count)
        is_full = str(count) == asked.get("maxResults")
        has_more = is_full if page.total is None else start + count < page.total
        last = row_key(page.rows[-1], endpoint) if has_more and count > 1 else None
        rows = page.rows if last is None else page.rows[:-1]
        first = row_key(rows[0], endpoint) if rows else None
        return replace(
            page,
            rows=OverlappingRows(rows, first=first, next=Place(start + len(rows), last)),
            fingerprint=self._fingerprint(page),
        )

    def _fingerprint(self, page: RawPage) -> int:
        """Return what is the same only for a page that comes again and again: once it may have moved."""
        self._seen[page.fingerprint] += 1
        return hash((page.fingerprint, min(self._seen[page.fingerprint], _SAME_PAGES)))
