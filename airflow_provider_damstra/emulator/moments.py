"""Times in seed and scenario files: absolute, or relative to the emulator's clock."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, TypeAlias

from pydantic import PlainValidator, WithJsonSchema

from airflow_provider_damstra.emulator.clock import validate_time

_OFFSET = re.compile(r"([+-]?)\s*(\d{1,9})\s+(second|minute|hour|day|week)s?")
_EXAMPLES = "'-3 days', '90 minutes', 'now' or 2026-01-31T09:00:00+08:00"
_MOMENT_TEXT = "A time with a time zone, or an offset such as -3 days, 90 minutes or now."
_DURATION_TEXT = "A duration such as 90 minutes or 2 days."


def _parse_offset(text: str) -> timedelta | None:
    """Return an offset such as ``-3 days``, or None if a text is not an offset.

    :raises ValueError: if it is longer than Python's limit of 2.7 million years.
    """
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        return timedelta() if text.strip() == "now" else None
    sign, number, unit = found.groups()
    try:
        offset = timedelta(**{f"{unit}s": int(number)})
    except OverflowError:
        raise ValueError("it is out of range") from None
    return -offset if sign == "-" else offset


def _parse_moment(value: Any) -> datetime | timedelta:
    timestamp = value
    if isinstance(value, str):
        offset = _parse_offset(value)
        if offset is not None:
            return offset
        try:
            timestamp = datetime.fromisoformat(value)
        except ValueError:
            timestamp = None
    if isinstance(timestamp, datetime) and timestamp.tzinfo is not None:
        return timestamp
    is_date = isinstance(timestamp, date)
    reason = "it needs a time of day and a time zone" if is_date else "it is not a valid time"
    raise ValueError(f"{reason}; write {_EXAMPLES}")


def _parse_duration(value: Any) -> timedelta:
    offset = _parse_offset(value) if isinstance(value, str) else None
    if offset is None or offset < timedelta():
        raise ValueError("it is not a valid duration; write '90 minutes' or '2 days'")
    return offset


def resolve(moment: datetime | timedelta, now: datetime) -> datetime:
    """Return the time of a moment.

    :param now: what offsets are relative to.
    :raises ValueError: if it is out of range.
    """
    try:
        timestamp = now + moment if isinstance(moment, timedelta) else moment
    except OverflowError:
        raise ValueError("it is out of range") from None
    return validate_time(timestamp)


Moment: TypeAlias = Annotated[
    datetime | timedelta,
    PlainValidator(_parse_moment),
    WithJsonSchema({"type": "string", "description": _MOMENT_TEXT}),
]
Duration: TypeAlias = Annotated[
    timedelta,
    PlainValidator(_parse_duration),
    WithJsonSchema({"type": "string", "description": _DURATION_TEXT}),
]
