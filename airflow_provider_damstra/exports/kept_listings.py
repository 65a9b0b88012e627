"""What one attempt has kept of many listings: where their pages are, and how far each came."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.overlapping import Place
    from airflow_provider_damstra.exports.parts import Line


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
