"""Durations in calendar units, such as ``12 months``: parsing, text for storage, and the end of one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pendulum

_PART = r"(\d+)\s*(year|month|week|day|hour|minute)s?"
_PARTS = re.compile(rf"{_PART}(?:(?:\s*,\s*|\s+){_PART})*", re.IGNORECASE)
_LATEST = datetime.max.replace(tzinfo=UTC)


def parse_duration(name: str, value: Any) -> pendulum.Duration:
    """Return a duration; years and months of a text are those of the calendar.

    :param name: name of the argument, for the error.
    :param value: a ``timedelta``, also pendulum's; or a text such as ``12 months``, ``1 year 6 months``,
        ``90 days``, or in ISO 8601, ``P1Y6M``.
    :raises ValueError: if it is none of these, or less than a second.
    """
    try:
        duration = _parse_text(value.strip()) if isinstance(value, str) else _from_timedelta(value)
        is_valid = duration.total_seconds() >= 1
    except (AttributeError, OverflowError, TypeError, ValueError):
        is_valid = False
    if not is_valid:
        raise ValueError(
            f"{name} is {value!r}; it is a timedelta, or text such as '12 months', '1 year 6 months', "
            "'90 days' or 'P12M'"
        )
    return duration


@lru_cache(maxsize=64)
def _parse_text(text: str) -> pendulum.Duration:
    if text.upper().startswith("P"):
        duration = pendulum.parse(text.upper())
        if not isinstance(duration, pendulum.Duration):
            raise ValueError
        return duration
    if not _PARTS.fullmatch(text):
        raise ValueError
    units: dict[str, int] = {}
    for number, unit in re.findall(_PART, text, re.IGNORECASE):
        units[f"{unit.lower()}s"] = units.get(f"{unit.lower()}s", 0) + int(number)
    return pendulum.duration(**units)


def _from_timedelta(value: timedelta) -> pendulum.Duration:
    if isinstance(value, pendulum.Duration):
        return value
    return pendulum.duration(days=value.days, seconds=value.seconds)


def format_duration(duration: pendulum.Duration) -> str:
    """Return a duration in ISO 8601, which ``parse_duration`` reads."""
    days = duration.weeks * 7 + duration.remaining_days
    time = f"T{duration.hours}H{duration.minutes}M{duration.remaining_seconds}S"
    return f"P{duration.years}Y{duration.months}M{days}D{time}"


def add_duration(start: datetime, duration: pendulum.Duration) -> datetime:
    """Return when a duration that starts at a time ends: a month after 31 January is the end of February.

    :param start: a timezone-aware datetime.
    """
    try:
        return pendulum.instance(start) + duration
    except (OverflowError, ValueError):  # after the year 9999
        return _LATEST


def is_expired(completed: datetime | None, valid_for: pendulum.Duration | None, *, at: datetime) -> bool:
    """Return whether something completed is not valid any more at a time.

    :param completed: a timezone-aware datetime; None, an unknown time, is expired.
    :param valid_for: how long it is valid from then on; None is for ever.
    """
    if valid_for is None:
        return False
    return completed is None or add_duration(completed, valid_for) <= at
