"""A completion of a lesson: person, lesson, date, result and certificate, and its JSON."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from airflow_provider_damstra.endpoints.lesson_schedule import GetLessonSchedule
from airflow_provider_damstra.endpoints.user import GetUser
from airflow_provider_damstra.exports.schema import format_timestamp
from airflow_provider_damstra.models.timestamps import to_time_zone, to_utc
from airflow_provider_damstra.requirements.people import time_zone_of
from airflow_provider_damstra.services.certificates import find_certificate

if TYPE_CHECKING:
    from datetime import tzinfo

    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.lesson_schedule import LessonSchedule, UserLessonSchedule
    from airflow_provider_damstra.models.user import User

PASSED, NOT_PASSED = "passed", "not passed"
"""Results: Damstra has a certificate, or has none."""

_CACHED_USERS = 1000
_USER_LOCKS = 64


class UnusableCompletionError(Exception):
    """A lesson schedule is not completed, or lacks a value without which it is of no use to the receiver."""


@dataclass(frozen=True, slots=True)
class CompletedSchedule:
    """A completed lesson schedule that is to be delivered.

    :param id: id of the lesson schedule.
    :param row: the row of a listing, or None if only the id is known.
    """

    id: int
    row: UserLessonSchedule | None = None


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A completion of a lesson by a person.

    :param completed_at: time of completion, with a time zone.
    :param certificate: the certificate (PDF), or None if the test was not passed.
    """

    schedule: LessonSchedule | UserLessonSchedule = field(repr=False)
    user: User = field(repr=False)
    completed_at: datetime
    certificate: bytes | None = field(repr=False)

    @property
    def lesson_schedule_id(self) -> int:
        """Return the id of the lesson schedule."""
        return self.schedule.id

    @property
    def certificate_name(self) -> str:
        """Return the file name of the certificate."""
        return f"certificate-{self.schedule.id}.pdf"

    def values(self, *, time_zone: tzinfo | None = None) -> dict[str, Any]:
        """Return the fields that a CSV file can have, by name.

        :param time_zone: decides the day of completion; None for the person's own, or else UTC.
        """
        schedule, user = self.schedule, self.user
        local = to_time_zone(self.completed_at, time_zone or time_zone_of(user, UTC))
        return {
            "lesson_schedule_id": schedule.id,
            "user_id": user.id,
            "employee_number": user.employee_number,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "email_address": user.email_address,
            "lesson_id": schedule.lesson_id,
            "lesson_name": schedule.lesson_name,
            "lesson_version": schedule.version,
            "completed_date": local.date().isoformat(),
            "completed_at": format_timestamp(to_utc(self.completed_at)),
            "result": NOT_PASSED if self.certificate is None else PASSED,
        }

    def to_json(self) -> dict[str, Any]:
        """Return person, lesson, date and result as JSON, the same whenever it is called."""
        schedule, user = self.schedule, self.user
        return {
            "lesson_schedule_id": schedule.id,
            "person": {
                "user_id": user.id,
                "employee_number": user.employee_number,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "email_address": user.email_address,
            },
            "lesson": {
                "lesson_id": schedule.lesson_id,
                "name": schedule.lesson_name,
                "version": schedule.version,
                "lesson_version_id": schedule.lesson_version_id,
            },
            "completed_at": format_timestamp(to_utc(self.completed_at)),
            "passed": self.certificate is not None,
        }

    def certificate_json(self) -> dict[str, Any] | None:
        """Return the certificate as JSON, its content in Base64; None if there is none."""
        if self.certificate is None:
            return None
        return {
            "file_name": self.certificate_name,
            "content_type": "application/pdf",
            "sha256": hashlib.sha256(self.certificate).hexdigest(),
            "content": base64.b64encode(self.certificate).decode(),
        }

    @cached_property
    def personal_values(self) -> tuple[str, ...]:
        """Return what identifies the person; it must not be in a log."""
        user = self.user
        names = (user.first_name, user.last_name, user.user_name, user.email_address, user.employee_number)
        return tuple(name for name in names if name)


def idempotency_key(base_url: str, lesson_schedule_id: int) -> str:
    """Return a UUID that is the same whenever a completion is sent, and that no other completion has.

    :param base_url: URL of the API that the completion is read from.
    """
    return str(uuid5(NAMESPACE_URL, f"{base_url}/lesson_schedule/{lesson_schedule_id}"))


def completion_reader(client: SupportsCalls) -> Callable[[CompletedSchedule], Completion]:
    """Return a function that reads completions; threads may share it.

    It calls ``getLessonSchedule`` where only the id is known, ``getUser`` once for each user, and
    ``downloadCertificate``. It raises ``UnusableCompletionError``, or the ``DamstraError`` of a call.
    """
    locks = [Lock() for _ in range(_USER_LOCKS)]

    @lru_cache(_CACHED_USERS)
    def request_user(user_id: int) -> User:
        return client.call(GetUser(user_id=user_id))

    def get_user(user_id: int) -> User:
        # The completions of a user follow each other: only one thread requests the user.
        with locks[user_id % _USER_LOCKS]:
            return request_user(user_id)

    def read(completed: CompletedSchedule) -> Completion:
        schedule: LessonSchedule | UserLessonSchedule
        schedule = completed.row or client.call(GetLessonSchedule(lesson_schedule_id=completed.id))
        if schedule.lesson_completed_date is None:
            raise UnusableCompletionError("it is not completed")
        if schedule.user_id is None:
            raise UnusableCompletionError("Damstra's response has no id of its user")
        return Completion(
            schedule=schedule,
            user=get_user(schedule.user_id),
            completed_at=schedule.lesson_completed_date,
            certificate=find_certificate(client, schedule.id),
        )

    return read
