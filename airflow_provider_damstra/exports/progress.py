"""Progress of an export in the task's log: how much was read of how much, the rate, and the time left."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_damstra.services.concurrency import PROGRESS_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class Progress:
    """Count, and log the progress every few seconds.

    :param name: what is read.
    :param units: what is counted, such as ``rows``.
    :param total: returns the number of units in all, or None while it is unknown.
    :param done_before: units that earlier tries read; they do not count for the rate.
    """

    def __init__(
        self,
        name: str,
        units: str,
        *,
        total: Callable[[], int | None] = lambda: None,
        done_before: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._units = units
        self._total = total
        self._done_before = done_before
        self._clock = clock
        self._started_at = self._logged_at = clock()
        self._done = 0
        self._rows = 0

    def add(self, done: int, *, rows: int = 0) -> None:
        """Count, and log the progress if the last line is old enough.

        :param rows: rows that were read, if rows are not the unit.
        """
        self._done += done
        self._rows += rows
        now = self._clock()
        if now - self._logged_at >= PROGRESS_INTERVAL:
            self._logged_at = now
            log.info("%s: %s", self._name, self._describe(now - self._started_at))

    def _describe(self, seconds: float) -> str:
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
