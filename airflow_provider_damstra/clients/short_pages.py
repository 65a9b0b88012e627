"""When a short page is the end of a listing, though the server does not say how many rows there are."""

from __future__ import annotations

from typing import Any

PROOFS = 3
"""Short pages that have to be the end before the next one is taken for it."""


class ShortPages:
    """What the first pages of other listings of a kind have shown: spares the request for an empty page.

    A page with fewer rows than were asked for is the end, or as much as this server gives at once, which
    nobody knows. It is the end if the server gave more rows at once elsewhere. That is believed once it was
    seen to be so several times, and never again after it was not.
    """

    def __init__(self) -> None:
        self._longest: dict[Any, int] = {}
        self._proofs: dict[Any, float] = {}

    def saw(self, kind: Any, count: int) -> None:
        """Learn how many rows the first page of a listing has."""
        self._longest[kind] = max(count, self._longest.get(kind, 0))

    def was_followed(self, kind: Any, count: int, *, by: int) -> None:
        """Learn how many rows came after a short first page with ``count`` of them."""
        if count < self._longest.get(kind, 0):
            self._proofs[kind] = self._proofs.get(kind, 0) + (float("-inf") if by else 1)

    def is_the_end(self, kind: Any, count: int) -> bool:
        """Return whether nothing can follow a short first page with ``count`` rows."""
        return count < self._longest.get(kind, 0) and self._proofs.get(kind, 0) >= PROOFS
