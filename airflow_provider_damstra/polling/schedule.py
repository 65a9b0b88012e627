"""Time of the next poll of a query: pure arithmetic.

Written by hand although tenacity computes back-offs: polls also keep to fixed slots of their interval.
"""

from __future__ import annotations

from datetime import UTC, datetime

SLOT = 0.5
"""Seconds between two slots of an interval: polls of one slot share a wake-up of the event loop."""

MAX_BACKOFF = 600.0
"""Longest pause after consecutive failures, in seconds; a longer poll interval takes precedence."""

_MIN_INTERVAL = 0.01
_MAX_SHIFT = 0.04
"""Largest part of an interval by which one poll is moved towards its slot."""


def next_poll_at(
    *,
    polled_at: float,
    now: float,
    interval: float,
    failures: int,
    key: int,
    not_before: datetime | None = None,
) -> float:
    """Return when to poll a query next, on the clock of ``now``, in seconds.

    The key determines the query's slot in the interval. Polls move there in small steps, so that queries that
    start together spread evenly and no interval contains more polls than queries. After a failure the pause
    doubles each time.

    :param polled_at: time of the last request.
    :param now: time of its response.
    :param interval: poll interval in seconds.
    :param failures: number of consecutive failures.
    :param key: any integer, constant for a query.
    :param not_before: when the response can change at the earliest.
    """
    interval = max(interval, _MIN_INTERVAL)
    if failures:
        return now + max(interval, min(interval * 2.0 ** min(failures, 30), MAX_BACKOFF))
    if not_before:
        seconds_to_change = (not_before - datetime.now(UTC)).total_seconds()
        if seconds_to_change > interval:
            return now + seconds_to_change
    slots = max(int(interval / SLOT), 1)
    phase = key % slots * (interval / slots)
    to_slot = (phase - polled_at) % interval
    # A poll that was slightly late for its slot is followed by one in time; all others approach their slot.
    was_late = to_slot >= interval * (1 - _MAX_SHIFT)
    due = polled_at + (to_slot if was_late else interval + min(to_slot, interval * _MAX_SHIFT))
    overdue = now - due
    return due if overdue < 0 else due + (overdue // interval + 1) * interval
