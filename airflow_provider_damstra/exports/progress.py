"""How far an export is, in the task's log: so much of so much, how fast, and how long it will take."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_damstra.services.concurrency import PROGRESS_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_damstra.exports.reader import Rows

log = logging.getLogger(__name__)


class Progress:
    """Counts, and says every few seconds how far it is.

    :param what: what is read.
    :param units: what is counted, such as ``rows``.
    :param total: returns how many there are in all, or None as long as nobody knows.
    :param done_before: how many of them were there at the beginning; they do not count for the rate.
    """

    def __init__(
        self,
        what: str,
        units: str,
        *,
        total: Callable[[], int | None] = lambda: None,
        done_before: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._units = units
        self._total = total
        self._done_before = done_before
        self._clock = clock
        self._began = self._said_at = clock()
        self._done = 0
        self._rows = 0

    def add(self, done: int, *, rows: int = 0) -> None:
        """Count, and say how far it is if that was not said for a while.

        :param rows: how many rows that brought, where it is not rows that are counted.
        """
        self._done += done
        self._rows += rows
        now = self._clock()
        if now - self._said_at >= PROGRESS_INTERVAL:
            self._said_at = now
            log.info("%s: %s", self._what, self._how_far(now - self._began))

    def _how_far(self, seconds: float) -> str:
        total, done = self._total(), self._done_before + self._done
        rate = self._done / seconds
        parts = [f"{done} {self._units}" if total is None else f"{done} of {total} {self._units}"]
        if self._rows:
            parts.append(f"{self._rows} rows")
        parts.append(f"{rate:.0f} {self._units} a second")
        if total is not None and rate:
            left = timedelta(seconds=round(max(total - done, 0) / rate))
            parts.append(f"{left} left")
        return ", ".join(parts)


def with_progress(
    pages: Iterable[Rows], what: str, *, total: Callable[[], int | None] = lambda: None
) -> Iterator[Rows]:
    """Yield pages, and say how many rows they have had so far."""
    progress = Progress(what, "rows", total=total)
    for rows in pages:
        yield rows
        progress.add(len(rows))
