"""Moments: one without a time zone is refused with advice; the others go in the API's formats."""

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
MOMENTS: list[tuple[type[Endpoint[Any]], dict[str, Any], str]] = [
    (ScheduleUser, SCHEDULE, "schedule_date"),
    (CompleteLesson, COMPLETE, "completed_date"),
    (CreateIltSession, SESSION, "start_datetime"),
    (CreateIltSession, SESSION, "end_datetime"),
]
each_moment = pytest.mark.parametrize(("endpoint", "others", "name"), MOMENTS)
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


@each_moment
@pytest.mark.parametrize("moment", WITHOUT_ZONE, ids=str)
def test_a_moment_without_zone_is_refused_and_the_message_says_what_to_write(
    endpoint: type[Endpoint[Any]], others: dict[str, Any], name: str, moment: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        endpoint(**{**others, name: moment})
    assert name in str(caught.value)
    assert "2026-01-31T" in str(caught.value)
    assert "has no time zone" in str(caught.value)
    assert "write for example pendulum.datetime(" in str(caught.value)


@each_moment
@pytest.mark.parametrize(
    "moment", ["20260131", "1769850000", 1769850000, 5, 1.5, True, "tomorrow", "", "09:00"]
)
def test_a_number_is_no_moment(
    endpoint: type[Endpoint[Any]], others: dict[str, Any], name: str, moment: Any
) -> None:
    # A rendered {{ ds_nodash }} would else be a second of 1970.
    with pytest.raises(ValidationError, match=rf"(?m)^{name}\n"):
        endpoint(**{**others, name: moment})


@pytest.mark.parametrize(("moment", "text"), IN_SECONDS)
def test_schedules_and_completions_are_sent_in_seconds_of_utc(moment: Any, text: str) -> None:
    schedule = ScheduleUser.model_validate({**SCHEDULE, "schedule_date": moment}).request().body
    complete = CompleteLesson.model_validate({**COMPLETE, "completed_date": moment}).request().body
    assert schedule is not None
    assert complete is not None
    assert schedule["scheduleDate"] == complete["completedDate"] == text


@pytest.mark.parametrize(("moment", "text"), IN_MILLISECONDS)
@pytest.mark.parametrize(
    ("name", "alias"), [("start_datetime", "startDatetime"), ("end_datetime", "endDatetime")]
)
def test_sessions_are_sent_in_milliseconds_of_their_own_zone(
    moment: Any, text: str, name: str, alias: str
) -> None:
    body = CreateIltSession.model_validate({**SESSION, name: moment}).request().body
    assert body is not None
    assert body[alias] == text


def test_without_a_schedule_date_none_is_sent() -> None:
    assert "scheduleDate" not in (ScheduleUser.model_validate(SCHEDULE).request().body or {})
