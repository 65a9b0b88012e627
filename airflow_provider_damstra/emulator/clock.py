"""The emulator's clock, and the timestamp formats of the API and of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

ACCOUNT_TIME_ZONE = "Australia/Perth"
ACCOUNT_TZINFO = timezone(timedelta(hours=8))
# Seeds and requests add days and time zones to a time, which Python limits to the years 1 to 9999.
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def validate_time(timestamp: datetime) -> datetime:
    """Return a time of the clock, a seed or a scenario.

    :raises ValueError: if it is before the year 1900 or after the year 8999.
    """
    if not _FIRST <= timestamp < _LAST:
        raise ValueError("it is out of range: times are from the year 1900 to the year 8999")
    return timestamp


def format_utc_milliseconds(timestamp: datetime) -> str:
    """Format as ``2016-08-24T15:00:00.000Z``; the store has this format too, because it sorts."""
    return timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_utc_seconds(timestamp: datetime) -> str:
    """Format as ``2015-10-29T15:28:59+0000``."""
    return timestamp.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "+0000"


def format_naive_utc_seconds(timestamp: datetime) -> str:
    """Format as ``2015-10-29 15:28:59``: UTC without an offset."""
    return timestamp.astimezone(UTC).isoformat(sep=" ", timespec="seconds")[:-6]


def format_local_milliseconds(timestamp: datetime) -> str:
    """Format as ``2018-05-19T01:00:06.000+0800``, in the timestamp's own zone."""
    text = timestamp.isoformat(timespec="milliseconds")
    return text[:-3] + text[-2:]


class Clock:
    """The real time plus an offset, which tests and the control plane change."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the emulated time, in UTC."""
        return datetime.now(UTC) + self.offset

    def set(self, timestamp: datetime) -> None:
        """Set the time; the clock continues from there.

        :raises ValueError: if it is out of range; the clock stays as it is.
        """
        self.offset = validate_time(timestamp) - datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Move the clock forward.

        :raises ValueError: if the new time is out of range; the clock stays as it is.
        """
        try:
            timestamp = self.now() + timedelta(seconds=seconds)
        except OverflowError:
            timestamp = _LAST
        self.set(timestamp)
