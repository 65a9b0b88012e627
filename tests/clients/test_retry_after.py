"""How long a server asks to wait, in seconds or until a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_damstra.http import Response


def asked(value: str | None) -> float | None:
    headers = {} if value is None else {"retry-after": value}
    return Response(status=429, headers=headers, body=b"").retry_after


@pytest.mark.parametrize(("value", "seconds"), [("0", 0), ("7", 7), (" 7 ", 7), ("3600", 3600)])
def test_seconds(value: str, seconds: float) -> None:
    assert asked(value) == seconds


@pytest.mark.parametrize("seconds", [30, 3600])
def test_a_date(seconds: int) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    found = asked(format_datetime(moment, usegmt=True))
    assert found is not None
    assert seconds - 5 < found <= seconds


def test_a_date_without_a_zone_is_utc() -> None:
    found = asked(f"{datetime.now(UTC) + timedelta(seconds=90):%a, %d %b %Y %H:%M:%S} -0000")
    assert found is not None
    assert 80 < found <= 90


def test_a_date_that_is_over_asks_for_nothing() -> None:
    assert asked("Wed, 21 Oct 2015 07:28:00 GMT") == 0


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
def test_what_cannot_be_understood_asks_for_nothing(value: str | None) -> None:
    assert asked(value) is None
