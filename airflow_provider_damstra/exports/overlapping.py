"""Pages that overlap by a row: each leaves its last one to the next, which is to begin with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_damstra.clients.raw_pages import Key, key_of
from airflow_provider_damstra.exports.raw_pages import RawPage, RawReader, RawRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_damstra.endpoints.base import Paged
    from airflow_provider_damstra.wire import Request, Response

_SAME_PAGES = 4


class Place(NamedTuple):
    """Where a page begins.

    :param row: the number of its first row, from 0.
    :param key: the key of that row, or None if there was none, or nobody knows.
    """

    row: int
    key: Key | None = None


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
        first: Key | None = None,
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

    def read(self, endpoint: Paged[Any], request: Request, response: Response) -> RawPage:
        """Return the page.

        :raises DamstraError: if the answer is an error, or no page.
        """
        page = super().read(endpoint, request, response)
        asked = dict(request.query)
        start, count = int(asked.get("startIndex", 0)), page.row_count
        self.longest = max(self.longest, count)
        is_full = str(count) == asked.get("maxResults")
        has_more = is_full if page.total is None else start + count < page.total
        last = key_of(page.rows[-1], endpoint) if has_more and count > 1 else None
        rows = page.rows if last is None else page.rows[:-1]
        first = key_of(rows[0], endpoint) if rows else None
        return replace(
            page,
            rows=OverlappingRows(rows, first=first, next=Place(start + len(rows), last)),
            fingerprint=self._fingerprint(page),
        )

    def _fingerprint(self, page: RawPage) -> int:
        """Return what is the same only for a page that comes again and again: once it may have moved."""
        self._seen[page.fingerprint] += 1
        return hash((page.fingerprint, min(self._seen[page.fingerprint], _SAME_PAGES)))
