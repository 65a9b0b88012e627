"""The emulator's clock, which a test can set and advance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


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
