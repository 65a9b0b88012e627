"""Segments: files of pages with an index that records how far each listing was read."""

from __future__ import annotations

import io
import time
from collections import Counter
from typing import Any, NamedTuple

import msgspec

from airflow_provider_damstra.exports.consistent_pagination import PageCursor  # noqa: TC001 (msgspec resolves it)

_SEGMENT_BYTES = 1 << 20
_SEGMENT_SECONDS = 10.0


class Chunk(NamedTuple):
    """The bytes of one page: a segment, and where they begin and end in it."""

    segment: str
    start: int
    end: int


class IndexEntry(NamedTuple):
    """A line of a segment's index.

    :param row_count: rows of the page.
    :param size: bytes of the page.
    :param total_rows: rows of the listing up to this page, included.
    :param is_last: whether the listing ends here.
    :param next_cursor: where the next page begins, or None if the listing cannot be continued here.
    """

    parent_id: int
    row_count: int
    size: int
    total_rows: int
    is_last: bool = False
    next_cursor: PageCursor | None = None


class PartialListing(NamedTuple):
    """A listing that an earlier try has read in part."""

    next_cursor: PageCursor
    chunks: list[Chunk]


class ListingIndex:
    """Chunks of the listings that one try has read.

    ``completed`` are the listings that were read to their end, ``cursors`` is where others are continued.
    Both contain a listing only if all of its rows up to there are in the chunks.
    """

    def __init__(self) -> None:
        self.chunks: dict[int, list[Chunk]] = {}
        self.completed: set[int] = set()
        self.cursors: dict[int, PageCursor] = {}
        self._row_counts: Counter[int] = Counter()

    def add(self, entry: IndexEntry, chunk: Chunk) -> None:
        """Add a page."""
        parent_id = entry.parent_id
        if entry.row_count:
            self.chunks.setdefault(parent_id, []).append(chunk)
            self._row_counts[parent_id] += entry.row_count
        self.cursors.pop(parent_id, None)
        has_all_rows = self._row_counts[parent_id] == entry.total_rows
        if entry.is_last:
            del self._row_counts[parent_id]
            if has_all_rows:
                self.completed.add(parent_id)
        elif has_all_rows and entry.next_cursor:
            self.cursors[parent_id] = entry.next_cursor

    def row_count(self, parent_id: int) -> int:
        """Return the rows so far of a listing that is not at its end."""
        return self._row_counts[parent_id]


class Segment:
    """A file of pages and a file with their index on a local disk, appended page by page.

    :param name: the names of the files without ``.rows`` and ``.index``.
    :param folder: a ``StoragePath``.
    """

    def __init__(self, name: str, folder: Any) -> None:
        self.name = name
        self.size = 0
        self._folder = folder
        self._rows, self._index = self._open("rows"), self._open("index")

    def _open(self, suffix: str) -> Any:
        return (self._folder / f"{self.name}.{suffix}").create()

    def append(self, content: bytes, entry: IndexEntry) -> None:
        """Append a page, then its index entry: an entry in the index means that its page is complete."""
        for file, part in ((self._rows, content), (self._index, msgspec.json.encode(entry) + b"\n")):
            file.write(part)
            file.flush()
        self.size += len(content)

    @property
    def is_full(self) -> bool:
        """Return whether the next page belongs to another segment."""
        return self.size >= _SEGMENT_BYTES

    def close(self, *, discard: bool = False) -> None:
        """Close the files.

        :param discard: do not write what is buffered.
        """
        self._rows.close()
        self._index.close()


class BufferedSegment(Segment):
    """A segment in memory, written when it is closed."""

    def __init__(self, name: str, folder: Any) -> None:
        super().__init__(name, folder)
        self._started = time.monotonic()

    def _open(self, suffix: str) -> Any:
        return io.BytesIO()

    @property
    def is_full(self) -> bool:
        """Return whether it is large or old enough to be written."""
        return super().is_full or time.monotonic() - self._started >= _SEGMENT_SECONDS

    def close(self, *, discard: bool = False) -> None:
        """Write the files, the index last."""
        for suffix, file in (("rows", self._rows), ("index", self._index)):
            if not discard:
                (self._folder / f"{self.name}.{suffix}").write_bytes(file.getvalue())
