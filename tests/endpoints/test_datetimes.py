"""Dates as arguments: they need a time zone and are sent in the API's formats."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from pydantic import ValidationError

from airflow_provider_damstra.endpoints import CompleteLesson, CreateIltSession, ScheduleUser

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint

SCHEDULE = {"user_id": 1, "lesson_version_ids": [1], "grace_period": 14, "grace_period_unit": "days"}
COMPLETE = {"user_id": 1, "lesson_id": 2, "manually_completed_by_user_id": 3}
SESSION = {
    "location": "Perth",
    "instructor_id": 1,
    "start_datetime": datetime(2001, 1, 1, tzinfo=UTC),
    "end_datetime": datetime(2099, 1, 1, tzinfo=UTC),
}
DATETIME_FIELDS: list[tuple[type[Endpoint[Any]], dict[str, Any], str]] = [
    (ScheduleUser, SCHEDULE, "schedule_date"),
    (CompleteLesson, COMPLETE, "completed_date"),
    (CreateIltSession, SESSION, "start_datetime"),
    (CreateIltSession, SESSION, "end_datetime"),
]
each_datetime_field = pytest.mark.parametrize(("endpoint", "others", "name"), DATETIME_FIELDS)
PERTH = timezone(timedelta(hours=8))
IN_SECONDS: list[tuple[Any, str]] = [
    (datetime(2026, 1, 31, 9, tzinfo=UTC), "2026-01-31T09:00:00+0000"),
    (datetime(2026, 1, 31, 9, tzinfo=PERTH), "2026-01-31T01:00:00+0000"),
    (datetime(2026, 1, 31, 9, 0, 0, 999_999, tzinfo=UTC), "2026-01-31T09:00:00+0000"),
    (datetime(2026, 1, 31, 3, tzinfo=ZoneInfo("Australia/Sydney")), "2026-01-30T16:00:00+0000"),
    (pendulum.datetime(2026, 1, 31, 9, tz="Australia/Perth"), "2026-01-31T01:00:00+0000"),
    ("2026-01-31T09:00:00+08:00", "2026-01-31T01:00:00+0000"),
    ("2026-01-31T09:00:00+0800", "2026-01-31T01:00:00+0000"),
    ("2026-01-31 09:00:00Z", "2026-01-31T09:00:00+0000"),
]
IN_MILLISECONDS: list[tuple[Any, str]] = [
    (datetime(2018, 5, 19, 1, 0, 6, tzinfo=PERTH), "2018-05-19T01:00:06.000+0800"),
    (datetime(2018, 5, 19, 1, 0, 6, 7_999, tzinfo=UTC), "2018-05-19T01:00:06.007+0000"),
    (datetime(2018, 1, 1, 1, tzinfo=ZoneInfo("Australia/Sydney")), "2018-01-01T01:00:00.000+1100"),
    (datetime(2018, 7, 1, 1, tzinfo=ZoneInfo("Australia/Sydney")), "2018-07-01T01:00:00.000+1000"),
    (pendulum.datetime(2018, 5, 19, 1, 0, 6, tz="Australia/Darwin"), "2018-05-19T01:00:06.000+0930"),
    ("2018-05-19T01:00:06.000+08:00", "2018-05-19T01:00:06.000+0800"),
    ("2018-05-19T01:00:06-03:30", "2018-05-19T01:00:06.000-0330"),
]
WITHOUT_ZONE: list[Any] = [
    datetime(2026, 1, 31, 9),
    pendulum.naive(2026, 1, 31, 9),
    "2026-01-31T09:00:00",
    "2026-01-31 09:00",
    "2026-01-31",
    date(2026, 1, 31),
]


@each_datetime_field
@pytest.mark.parametrize("value", WITHOUT_ZONE, ids=str)
def test_datetime_without_time_zone_raises_with_example(
    endpoint: type[Endpoint[Any]], others: dict[str, Any], name: str, value: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        endpoint(**{**others, name: value})
    assert name in str(caught.value)
    assert "2026-01-31T" in str(caught.value)
    assert "has no time zone" in str(caught.value)
    assert "write for example pendulum.datetime(" in str(caught.value)


@each_datetime_field
@pytest.mark.parametrize(
    "value", ["20260131", "1769850000", 1769850000, 5, 1.5, True, "tomorrow", "", "09:00"]
)
def test_number_as_datetime_raises(
    endpoint: type[Endpoint[Any]], others: dict[str, Any], name: str, value: Any
) -> None:
    # Otherwise a rendered {{ ds_nodash }} would be parsed as a second of 1970.
    with pytest.raises(ValidationError, match=rf"(?m)^{name}\n"):
        endpoint(**{**others, name: value})


@pytest.mark.parametrize(("value", "text"), IN_SECONDS)
def test_schedule_and_completion_dates_are_sent_in_utc_seconds(value: Any, text: str) -> None:
    schedule = ScheduleUser.model_validate({**SCHEDULE, "schedule_date": value}).request().body
    complete = CompleteLesson.model_validate({**COMPLETE, "completed_date": value}).request().body
    assert schedule is not None
    assert complete is not None
    assert schedule["scheduleDate"] == complete["completedDate"] == text


@pytest.mark.parametrize(("value", "text"), IN_MILLISECONDS)
@pytest.mark.parametrize(
    ("name", "alias"), [("start_datetime", "startDatetime"), ("end_datetime", "endDatetime")]
)
def test_session_dates_are_sent_in_milliseconds_with_own_zone(
    value: Any, text: str, name: str, alias: str
) -> None:
    body = CreateIltSession.model_validate({**SESSION, name: value}).request().body
    assert body is not None
    assert body[alias] == text


def test_missing_schedule_date_is_not_sent() -> None:
    assert "scheduleDate" not in (ScheduleUser.model_validate(SCHEDULE).request().body or {})


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-05:00"])
@each_datetime_field
def test_datetime_out_of_range_in_utc_raises(
    endpoint: type[Endpoint[Any]], others: dict[str, Any], name: str, value: str
) -> None:
    with pytest.raises(ValidationError, match=f"{name}\n.* is out of range in UTC"):
        endpoint(**{**others, name: value})
