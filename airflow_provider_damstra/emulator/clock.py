"""The API's date formats, and the one of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

ACCOUNT_ZONE_NAME = "Australia/Perth"

ACCOUNT_ZONE = timezone(timedelta(hours=8))


def stored(moment: datetime) -> str:
    """Return a moment as the store holds it: UTC with milliseconds, so that texts sort as moments do."""
    return milliseconds_in_utc(moment)


def milliseconds_in_utc(moment: datetime) -> str:
    """Return for example ``2016-08-24T15:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_in_utc(moment: datetime) -> str:
    """Return for example ``2015-10-29T15:28:59+0000``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "+0000"


def seconds_without_zone(moment: datetime) -> str:
    """Return for example ``2015-10-29 15:28:59``: the time in UTC, which the text does not say."""
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="seconds")[:-6]


def milliseconds_in_own_zone(moment: datetime) -> str:
    """Return for example ``2018-05-19T01:00:06.000+0800``."""
    text = moment.isoformat(timespec="milliseconds")
    return text[:-3] + text[-2:]


class Clock:
    """Tells the time: the real one, plus what it was set or advanced by."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the emulator's present moment, in UTC."""
        return datetime.now(UTC) + self.offset

    def set(self, moment: datetime) -> None:
        """Make ``moment`` the present; the clock goes on from there."""
        self.offset = moment - datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.offset += timedelta(seconds=seconds)
