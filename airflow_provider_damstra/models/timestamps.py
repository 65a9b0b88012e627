"""Conversion of timestamps that the server sent, which may be at the ends of the range of ``datetime``.

The first and the last day of this range, such as ``0001-01-01T00:00:00+0800``, do not exist in every time
zone, and ``datetime.astimezone`` raises an ``OverflowError`` for them. Comparing and subtracting is safe.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

_MIDDLE_YEAR = 5000


def to_time_zone(timestamp: datetime, time_zone: tzinfo) -> datetime:
    """Return a timestamp in a time zone; if it is out of range there, the earliest or latest ``datetime``.

    :param timestamp: a timezone-aware datetime.
    """
    try:
        return timestamp.astimezone(time_zone)
    except (OverflowError, ValueError):
        nearest = datetime.min if timestamp.year < _MIDDLE_YEAR else datetime.max
        return nearest.replace(tzinfo=time_zone)


def to_utc(timestamp: datetime) -> datetime:
    """Return a timestamp in UTC, clamped to the range of ``datetime``."""
    return to_time_zone(timestamp, UTC)
