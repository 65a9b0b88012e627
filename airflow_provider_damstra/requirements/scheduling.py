"""Schedule the lessons that people are due to do by training rules, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.lesson_schedule import ScheduleUser
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.requirements.evaluation import most_urgent_by_lesson
from airflow_provider_damstra.requirements.people import Person, read_passed_of
from airflow_provider_damstra.requirements.status import ScheduleRecord
from airflow_provider_damstra.services.lesson import schedule_users
from airflow_provider_damstra.text import escape_unprintable, join_first

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_damstra.errors import DamstraError
    from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule
    from airflow_provider_damstra.requirements.resolution import ResolvedRules
    from airflow_provider_damstra.requirements.rules import GracePeriod
    from airflow_provider_damstra.requirements.status import TrainingStatus
    from airflow_provider_damstra.requirements.trainee import Trainee
    from airflow_provider_damstra.services.intent_log import RecordingClient


@dataclass(frozen=True, slots=True)
class DueLesson:
    """A lesson that a trainee has to be scheduled to, by a status that needs it."""

    trainee: Trainee
    status: TrainingStatus


def find_obstacles(rules: ResolvedRules) -> list[str]:
    """Return, with their positions, the rules whose lessons cannot be scheduled."""
    problems: dict[str, None] = {}
    for one in rules.requirements:
        if one.grace_period is None:
            problems[f"{one.position}: grace_period is missing: the time to complete a lesson"] = None
        if not one.can_be_scheduled:
            name = f"lesson {one.lesson_name!r} (id {one.lesson_id})"
            problems[f"{one.position}: {name} has no active version, which alone can be scheduled"] = None
    return list(problems)


@dataclass(frozen=True)
class DuePlan:
    """The lessons that are scheduled."""

    due: Sequence[DueLesson]

    def validate_count(self, max_scheduled: int | None) -> None:
        """Raise if more lessons would be scheduled than a guard allows.

        :raises DamstraConflictError: naming the lessons and the first people.
        """
        if max_scheduled is not None and len(self.due) > max_scheduled:
            raise DamstraConflictError(
                f"{len(self.due)} lessons would be scheduled, and max_scheduled allows {max_scheduled}; none "
                f"was. Are the rules right? If so, raise max_scheduled.\n{self.describe()}"
            )

    def counts(self) -> dict[str, Any]:
        """Return the numbers of ``assignments`` and ``people``, and the ``lessons`` with theirs."""
        by_lesson = Counter((one.status.requirement.lesson_name, _lesson_id(one)) for one in self.due)
        return {
            "assignments": len(self.due),
            "people": len({one.trainee.id for one in self.due}),
            "lessons": [
                {"lesson_id": lesson_id, "lesson_name": name, "assignments": count}
                for (name, lesson_id), count in sorted(by_lesson.items())
            ],
        }

    def describe(self) -> str:
        """Return the counts of each lesson, and the first people by name, as lines of a log."""
        counts = self.counts()
        lessons = [
            f"{one['lesson_name']} ({one['lesson_id']}): {one['assignments']}" for one in counts["lessons"]
        ]
        people = [
            f"{one.trainee.name} (user {one.trainee.id}): {one.status.requirement.lesson_name}, "
            f"{one.status.state}: {one.status.reason}"
            for one in self.due
        ]
        shown = [*lessons, join_first(people, separator="\n")] if people else []
        lines = [escape_unprintable(line) for part in shown for line in part.split("\n")]
        title = f"{counts['assignments']} lessons to schedule for {counts['people']} people"
        return "\n  ".join([f"{title}:" if lines else f"{title}.", *lines])


def schedule_due(
    client: RecordingClient, due: Iterable[DueLesson], *, at: datetime
) -> tuple[list[dict[str, Any]], dict[int, DamstraError]]:
    """Schedule lessons, several users concurrently, and return what is new.

    Each user's schedules are read again, and the statuses evaluated again with them: what was scheduled or
    completed since then is not scheduled again, be it by a retry, a cleared task or another DAG run.

    Calls ``listUserLessonSchedules`` for each user and, for what is missing, ``scheduleUser``;
    ``downloadCertificate`` for completions that count only with a passed test.

    :param at: time of the statuses.
    :return: the new assignments of each user, with ``user_id``, ``employee_number``, ``name``,
        ``email_address``, ``lessons`` (``lesson_id`` and ``lesson_name``) and ``lesson_schedule_ids``; and
        the errors of users who could not be scheduled, by user id.
    """
    by_version = {(one.trainee.id, one.status.requirement.lesson_version_id): one for one in due}

    def find_existing(
        request: ScheduleUser, rows: Sequence[UserLessonSchedule]
    ) -> dict[int, UserLessonSchedule]:
        schedules = {row.id: row for row in rows}
        found = {
            version: _find_sufficient(client, by_version[request.user_id, version], rows, at=at)
            for version in request.lesson_version_ids
        }
        return {version: schedules[one] for version, one in found.items() if one is not None}

    requests = _requests(by_version.values())
    results, failed = schedule_users(client, requests, find_existing=find_existing)
    assignments: dict[int, dict[str, Any]] = {}
    for result in results:
        if result.created:
            lessons = [by_version[result.user_id, version] for version in result.created_versions]
            new = assignments.setdefault(result.user_id, _assignment(lessons[0].trainee))
            new["lesson_schedule_ids"] += result.created
            new["lessons"] += [
                {"lesson_id": _lesson_id(one), "lesson_name": one.status.requirement.lesson_name}
                for one in lessons
            ]
    return list(assignments.values()), failed


def _requests(due: Iterable[DueLesson]) -> list[ScheduleUser]:
    """Return a request for each user and grace period."""
    versions: dict[tuple[int, GracePeriod], list[int]] = {}
    for one in due:
        requirement = one.status.requirement
        if requirement.grace_period is None:
            raise ValueError(f"{requirement.position}: grace_period is missing")
        versions.setdefault((one.trainee.id, requirement.grace_period), []).append(
            requirement.lesson_version_id
        )
    return [
        ScheduleUser(
            user_id=user_id,
            lesson_version_ids=ids,
            grace_period=grace_period.number,
            grace_period_unit=grace_period.unit,
        )
        for (user_id, grace_period), ids in versions.items()
    ]


def _find_sufficient(
    client: RecordingClient, due: DueLesson, rows: Iterable[UserLessonSchedule], *, at: datetime
) -> int | None:
    """Return the id of the schedule because of which a lesson is not due any more, or None if it is due."""
    records = [ScheduleRecord.from_row(row) for row in rows if row.lesson_id == _lesson_id(due)]
    times = (time for one in records for time in (one.created_at, one.completed_at) if time)
    at = max((at, *times))
    person = Person(
        requirements=[one for one in due.trainee.requirements if one.lesson_id == _lesson_id(due)],
        records=records,
        time_zone=due.trainee.time_zone,
    )
    passed = read_passed_of(client, [person], at=at)
    status = most_urgent_by_lesson(person.statuses(at=at, passed=passed))[_lesson_id(due)]
    return None if status.needs_schedule else status.open_schedule_id or status.lesson_schedule_id


def _lesson_id(due: DueLesson) -> int:
    return due.status.requirement.lesson_id


def _assignment(trainee: Trainee) -> dict[str, Any]:
    return {
        "user_id": trainee.id,
        "employee_number": trainee.employee_number,
        "name": trainee.name,
        "email_address": trainee.email_address,
        "lessons": [],
        "lesson_schedule_ids": [],
    }
