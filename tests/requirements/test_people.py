"""The statuses of several people: certificates requested as needed, time zones of users."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_damstra.endpoints import DownloadCertificate
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models import User
from airflow_provider_damstra.requirements.people import Person, read_passed_of, time_zone_of
from airflow_provider_damstra.requirements.status import Requirement, ScheduleRecord

NOW = datetime(2026, 3, 15, 1, tzinfo=UTC)
PERTH = ZoneInfo("Australia/Perth")


class Certificates:
    """A client with a certificate for some schedules."""

    def __init__(self, *schedule_ids: int) -> None:
        self.existing = schedule_ids
        self.requested: list[int] = []

    def call(self, endpoint: Any) -> Any:
        assert isinstance(endpoint, DownloadCertificate)
        self.requested.append(endpoint.lesson_schedule_id)
        if endpoint.lesson_schedule_id in self.existing:
            return b"%PDF"
        raise DamstraNotFoundError("no certificate")

    def iterate(self, endpoint: Any) -> Any:
        raise AssertionError(endpoint)


def person(*schedule_ids: int, require_passed: bool = True) -> Person:
    """Return a person who completed a lesson on successive days, with the last id yesterday."""
    requirement = Requirement(
        rule="R",
        position="",
        lesson_id=1,
        lesson_name="L",
        lesson_version_id=2,
        require_passed=require_passed,
    )
    records = [
        ScheduleRecord(id=one, lesson_id=1, state="completed", completed_at=NOW - timedelta(days=number))
        for number, one in enumerate(reversed(schedule_ids), start=1)
    ]
    return Person(requirements=[requirement], records=records, time_zone=UTC)


def test_certificates_are_requested_from_the_latest_until_one_is_passed() -> None:
    people = [person(1, 2, 3), person(4, 5), person(6), person(7, require_passed=False), person()]
    client = Certificates(2, 5)
    passed = read_passed_of(client, people, at=NOW)
    assert passed == {3: False, 5: True, 6: False, 2: True}
    assert sorted(client.requested) == [2, 3, 5, 6]
    states = [status.state for one in people for status in one.statuses(at=NOW, passed=passed)]
    assert states == ["current", "current", "missing", "current", "missing"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Europe/Berlin", ZoneInfo("Europe/Berlin")), (None, PERTH), ("", PERTH), ("Mars/../x", PERTH)],
)
def test_time_zone_of_user_is_its_own_or_default(name: str | None, expected: ZoneInfo) -> None:
    assert time_zone_of(User(id=1, time_zone=name), PERTH) == expected
