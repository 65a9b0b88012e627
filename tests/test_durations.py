"""Durations in calendar units: the accepted forms, and when something that is valid for one expires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pendulum
import pytest

from airflow_provider_damstra.durations import add_duration, format_duration, is_expired, parse_duration

START = datetime(2024, 1, 31, 12, tzinfo=UTC)
LAST_YEAR = datetime.max.replace(tzinfo=timezone(-timedelta(hours=8)))


def end(value: Any, start: datetime = START) -> datetime:
    return add_duration(start, parse_duration("valid_for", value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12 months", "2025-01-31T12:00:00+00:00"),
        ("1 month", "2024-02-29T12:00:00+00:00"),
        (" 1 Year, 1 month ", "2025-02-28T12:00:00+00:00"),
        ("1year 1month", "2025-02-28T12:00:00+00:00"),
        ("2 weeks 1 day", "2024-02-15T12:00:00+00:00"),
        ("90 days", "2024-04-30T12:00:00+00:00"),
        ("36 hours 30 minutes", "2024-02-02T00:30:00+00:00"),
        ("P1Y1M", "2025-02-28T12:00:00+00:00"),
        ("p12m", "2025-01-31T12:00:00+00:00"),
        ("PT36H", "2024-02-02T00:00:00+00:00"),
        (timedelta(days=366, seconds=60), "2025-01-31T12:01:00+00:00"),
        (pendulum.duration(months=13), "2025-02-28T12:00:00+00:00"),
        ("9000 years", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_duration_ends_at_calendar_date_in_every_form(value: Any, expected: str) -> None:
    assert end(value) == datetime.fromisoformat(expected)
    assert end(format_duration(parse_duration("valid_for", value))) == end(value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "12", "months", "twelve months", "1.5 years", "-1 day", "0 days", "12 months ago", "12 moons"),
        *("P", "PT0S", "P1.5M", "2026-01-01", "P2026", "99999999999999 days", "12 months; 1 day"),
        *(12, 1.5, True, [], {}, timedelta(0), timedelta(days=-1), timedelta(milliseconds=1)),
    ],
)
def test_other_values_are_rejected_with_the_accepted_forms(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^valid_for is .* timedelta, or text such as '12 months'") as error:
        parse_duration("valid_for", value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("completed", "valid_for", "expected"),
    [
        (datetime(2024, 2, 29, 12, tzinfo=UTC), "12 months", True),
        (datetime(2024, 2, 29, 13, tzinfo=UTC), "12 months", False),
        (datetime(2020, 1, 1, tzinfo=UTC), None, False),
        (None, None, False),
        (None, "12 months", True),
        (LAST_YEAR, "1 day", False),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=8))), "1 day", True),
    ],
)
def test_is_expired_from_end_of_duration(
    completed: datetime | None, valid_for: str | None, expected: bool
) -> None:
    duration = None if valid_for is None else parse_duration("valid_for", valid_for)
    assert is_expired(completed, duration, at=datetime(2025, 2, 28, 12, tzinfo=UTC)) is expected
