"""When to ask again: pure arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime

SLOT = 0.5
"""Seconds: polls fall into slots, so that the loop wakes up for many at once, but not for all."""

_SHORTEST = 0.01
_STEP = 0.04

LONGEST_PAUSE = 600.0
"""Seconds between two polls at most, when they fail one after the other."""


def next_poll_at(
    *, asked: float, now: float, interval: float, failures: int, key: int, not_before: datetime | None = None
) -> float:
    """Return when to ask next, on the clock that ``now`` is read from.

    Every query has a slot of its own in the interval, in which its polls fall after some intervals, so
    that they are spread. After a failure the distance doubles each time.

    :param asked: when it was asked.
    :param now: when the answer came.
    :param key: tells one query from another.
    :param not_before: when the answer can change at the earliest.
    """
    interval = max(interval, _SHORTEST)
    if failures:
        return now + max(interval, min(interval * 2.0 ** min(failures, 30), LONGEST_PAUSE))
    if not_before:
        wait = (not_before - datetime.now(UTC)).total_seconds()
        if wait > interval:
            return now + wait
    slots = max(int(interval / SLOT), 1)
    phase = key % slots * (interval / slots)
    # Waits begin when they begin, many at once. So that no interval holds more polls than questions, each
    # poll comes a little late until it has reached its slot; one that came late in its slot makes up for it.
    to_slot = (phase - asked) % interval
    is_late = to_slot >= interval * (1 - _STEP)
    due = asked + (to_slot if is_late else interval + min(to_slot, interval * _STEP))
    late = now - due
    return due if late < 0 else due + (late // interval + 1) * interval
