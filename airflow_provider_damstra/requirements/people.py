"""The training statuses of people: of each, the requirements, lesson schedules and time zone together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_damstra.requirements.evaluation import evaluate, next_certificate
from airflow_provider_damstra.services.certificates import read_passed

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.requirements.status import Requirement, ScheduleRecord, TrainingStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """What the training statuses of a person depend on, besides certificates.

    :param records: the person's lesson schedules, of any lesson.
    :param time_zone: the person's time zone.
    """

    requirements: Sequence[Requirement]
    records: Sequence[ScheduleRecord]
    time_zone: tzinfo

    def statuses(self, *, at: datetime, passed: Mapping[int, bool]) -> list[TrainingStatus]:
        """Return the status for each requirement.

        :param passed: by schedule id, whether its test was passed, as ``read_passed_of`` returns it.
        """
        return [
            evaluate(one, self.records, at=at, time_zone=self.time_zone, passed=passed)
            for one in self.requirements
        ]

    def next_certificates(self, *, at: datetime, passed: Mapping[int, bool]) -> set[int]:
        """Return the schedules whose certificates the statuses need next."""
        found = (next_certificate(one, self.records, at=at, passed=passed) for one in self.requirements)
        return {schedule_id for schedule_id in found if schedule_id is not None}


def read_passed_of(client: SupportsCalls, people: Iterable[Person], *, at: datetime) -> dict[int, bool]:
    """Return by schedule id whether tests were passed, as far as the people's statuses depend on it.

    Calls ``downloadCertificate`` for the latest completion of each lesson of a rule with ``require_passed``;
    for earlier ones only if all later ones were not passed.
    """
    passed: dict[int, bool] = {}
    remaining = list(people)
    while remaining:
        needed = [(person, person.next_certificates(at=at, passed=passed)) for person in remaining]
        remaining = [person for person, schedule_ids in needed if schedule_ids]
        passed |= read_passed(client, sorted({one for _, schedule_ids in needed for one in schedule_ids}))
    return passed


def time_zone_of(user: User, default: tzinfo) -> tzinfo:
    """Return the time zone of a user, or the default if the user has none that is known."""
    return (user.time_zone and _time_zone(user.time_zone)) or default


@lru_cache(maxsize=1024)
def _time_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
