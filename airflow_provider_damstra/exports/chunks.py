"""What one attempt has kept of many listings: where their pages are, and how far each came."""

from __future__ import annotations

import io
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_provider_damstra.exports.consistent_pagination import Place

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.consistent_pagination import Place


class Piece(NamedTuple):
    """Where a page is."""

    part: str
    start: int
    end: int


class KeptListings:
    """What one attempt has read: where the pages of each listing are, and how far it came.

    ``whole`` are the listings that are at their end, ``begun`` says where others go on: both only if all of
    their rows so far are here.
    """

    def __init__(self) -> None:
        self.pieces: dict[int, list[Piece]] = {}
        self.whole: set[int] = set()
        self.begun: dict[int, Place] = {}
        self._rows: Counter[int] = Counter()

    def add(self, line: Line, piece: Piece) -> None:
        """Note a page."""
        parent_id = line.parent_id
        if line.rows:
            self.pieces.setdefault(parent_id, []).append(piece)
            self._rows[parent_id] += line.rows
        self.begun.pop(parent_id, None)
        are_all_here = self._rows[parent_id] == line.rows_so_far
        if line.is_last:
            del self._rows[parent_id]
            if are_all_here:
                self.whole.add(parent_id)
        elif are_all_here and line.next:
            self.begun[parent_id] = line.next

    def rows_of(self, parent_id: int) -> int:
        """Return how many rows have come of a listing that is not at its end."""
        return self._rows[parent_id]


class BegunListing(NamedTuple):
    """A listing that an earlier attempt has half read."""

    next: Place
    pieces: list[Piece]


_BYTES_IN_A_PART = 1 << 20

_SECONDS_IN_A_PART = 10.0


class Line(NamedTuple):
    """What the index says of a page.

    :param rows: how many it has.
    :param length: how many bytes these are.
    :param rows_so_far: how many rows its listing has had, these included.
    :param is_last: whether this is the end of its listing.
    :param next: where the next page begins, or None if the listing cannot be gone on with here.
    """

    parent_id: int
    rows: int
    length: int
    rows_so_far: int
    is_last: bool = False
    next: Place | None = None


class Part:
    """Pages in one file, with their index in another, written as they come."""

    def __init__(self, name: str, rows: Any, index: Any) -> None:
        self.name = name
        self.size = 0
        self._rows = rows
        self._index = index

    def add(self, content: bytes, line: Line) -> None:
        """Write a page, then its line in the index: a line means that its page is there."""
        for file, piece in ((self._rows, content), (self._index, msgspec.json.encode(line) + b"\n")):
            file.write(piece)
            file.flush()
        self.size += len(content)

    @property
    def is_full(self) -> bool:
        """Return whether the next page belongs into another part."""
        return self.size >= _BYTES_IN_A_PART

    def close(self) -> None:
        """Close the files."""
        self.give_up()

    def give_up(self) -> None:
        """Close the files, whether or not all has been written."""
        self._rows.close()
        self._index.close()


class BufferedPart(Part):
    """The same in memory, until it is written at once."""

    def __init__(self, name: str, folder: Any) -> None:
        super().__init__(name, io.BytesIO(), io.BytesIO())
        self._folder = folder
        self._began = time.monotonic()

    @property
    def is_full(self) -> bool:
        """Return whether it is time to write it."""
        return super().is_full or time.monotonic() - self._began >= _SECONDS_IN_A_PART

    def close(self) -> None:
        """Write the files, the index last."""
        for name, file in (("rows", self._rows), ("index", self._index)):
            (self._folder / f"{self.name}.{name}").write_bytes(file.getvalue())
