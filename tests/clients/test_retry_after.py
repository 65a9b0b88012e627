"""The wait that ``Retry-After`` requests, in seconds or until a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_damstra.http import Response


def retry_after(value: str | None) -> float | None:
    headers = {} if value is None else {"retry-after": value}
    return Response(status=429, headers=headers, body=b"").retry_after


@pytest.mark.parametrize(("value", "seconds"), [("0", 0), ("7", 7), (" 7 ", 7), ("3600", 3600)])
def test_retry_after_in_seconds(value: str, seconds: float) -> None:
    assert retry_after(value) == seconds


@pytest.mark.parametrize("seconds", [30, 3600])
def test_retry_after_date_is_the_time_until_then(seconds: int) -> None:
    date = datetime.now(UTC) + timedelta(seconds=seconds)
    found = retry_after(format_datetime(date, usegmt=True))
    assert found is not None
    assert seconds - 5 < found <= seconds


def test_retry_after_date_without_zone_is_utc() -> None:
    found = retry_after(f"{datetime.now(UTC) + timedelta(seconds=90):%a, %d %b %Y %H:%M:%S} -0000")
    assert found is not None
    assert 80 < found <= 90


def test_retry_after_date_in_the_past_is_zero() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize(
    "value",
    [
        "86401",
        "9" * 20,
        "9" * 5000,
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Fri, 31 Dec 2100 23:59:59 -0000",
    ],
)
def test_retry_after_is_at_most_a_day(value: str) -> None:
    assert retry_after(value) == 86400


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "-5",
        "1.5",
        "7 s",
        "²",
        "Wed, 99 Foo 2015",
        "Wed, 21 Oct 99999999999999999999 07:28 GMT",
    ],
)
def test_invalid_retry_after_is_ignored(value: str | None) -> None:
    assert retry_after(value) is None
