"""When to ask again: pure arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime

SLOT = 0.5
"""Seconds: polls fall into slots, so that the loop wakes up for many at once, but not for all."""

LONGEST_PAUSE = 600.0
"""Seconds between two polls at most, when they fail one after the other."""


def next_poll(
    *, now: float, interval: float, failures: int, key: int, not_before: datetime | None = None
) -> float:
    """Return when to ask next, on the clock that ``now`` is read from.

    Every question has a slot of its own in the interval, so that polls are spread and keep their distance.
    After a failure the distance doubles each time.

    :param key: tells one question from another.
    :param not_before: when the answer can change at the earliest.
    """
    if failures:
        return now + min(interval * 2.0**failures, LONGEST_PAUSE)
    if not_before:
        wait = (not_before - datetime.now(UTC)).total_seconds()
        if wait > interval:
            return now + wait
    slots = max(int(interval / SLOT), 1)
    phase = key % slots * (interval / slots)
    return now + ((phase - now) % interval or interval)
