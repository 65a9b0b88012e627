"""Conversion of timestamps to other time zones, also at the ends of the range of ``datetime``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_damstra.models.timestamps import to_time_zone, to_utc

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
FIRST_DAY, LAST_DAY = "0001-01-01T00:00:00.000+08:00", "9999-12-31T23:59:59.000-05:00"
PERTH, NEW_YORK = ZoneInfo("Australia/Perth"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FIRST_DAY, EARLIEST),
        (LAST_DAY, LATEST),
        ("0001-01-01T08:00:00+08:00", EARLIEST),
        ("2018-05-19T01:00:06+08:00", datetime(2018, 5, 18, 17, 0, 6, tzinfo=UTC)),
    ],
)
def test_timestamp_in_utc_is_clamped_to_range(text: str, expected: datetime) -> None:
    assert to_utc(datetime.fromisoformat(text)) == expected


@pytest.mark.parametrize("time_zone", [UTC, PERTH, NEW_YORK, timezone(timedelta(hours=14))], ids=str)
@pytest.mark.parametrize("timestamp", [EARLIEST, LATEST, *map(datetime.fromisoformat, (FIRST_DAY, LAST_DAY))])
def test_timestamp_in_any_time_zone_is_clamped_to_range(timestamp: datetime, time_zone: tzinfo) -> None:
    converted = to_time_zone(timestamp, time_zone)
    assert converted.tzinfo is time_zone
    assert abs(converted.replace(tzinfo=None) - timestamp.replace(tzinfo=None)) <= timedelta(days=1)
    assert converted.isoformat()
