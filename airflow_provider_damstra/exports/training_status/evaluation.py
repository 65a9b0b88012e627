"""Evaluate the training status of many users from the listings of their lesson schedules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_damstra.errors import DamstraError, DamstraResponseError
from airflow_provider_damstra.exports.row_parsing import parse_row
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleTimes
from airflow_provider_damstra.requirements.evaluation import most_urgent_by_lesson
from airflow_provider_damstra.requirements.people import Person
from airflow_provider_damstra.requirements.status import ScheduleRecord
from airflow_provider_damstra.services.certificates import has_certificate
from airflow_provider_damstra.services.concurrency import map_concurrently, return_error

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.exports.checkpoint import Checkpoint
    from airflow_provider_damstra.exports.reader import ResourceReader, Rows
    from airflow_provider_damstra.exports.training_status.failures import FailedUsers
    from airflow_provider_damstra.requirements.status import TrainingStatus
    from airflow_provider_damstra.requirements.trainee import Trainee

EvaluatedTrainee = tuple["Trainee", "list[TrainingStatus]"]
"""A trainee and one status for each lesson, of several rules for a lesson the most urgent."""

_PASSED = "passed"
_TRAINEES_PER_BATCH = 500
"""Trainees whose schedules are in memory, and whose certificates are read concurrently."""


def listings_of(reader: ResourceReader) -> Iterator[tuple[int, Rows]]:
    """Yield each parent whose listing was read to its end, with all rows of the listing."""
    rows: dict[int, Rows] = {}
    for page in reader.pages():
        parent_id = page.parent_id or 0
        if page.is_last:
            yield parent_id, rows.pop(parent_id, [])
        elif page.rows:
            rows.setdefault(parent_id, []).extend(page.rows)


class PassedTests(dict[int, bool]):
    """Whether tests were passed, by the id of the lesson schedule, as far as certificates were read.

    :param checkpoint: keeps the results for a retry; None keeps them in memory.
    """

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        kept = checkpoint.load_value(_PASSED) if checkpoint else None
        super().__init__(kept or ())
        self._checkpoint = checkpoint

    def save(self) -> None:
        """Keep all results."""
        if self._checkpoint:
            self._checkpoint.save_value(_PASSED, list(self.items()))


def evaluate_trainees(
    client: SupportsCalls,
    trainees: Mapping[int, Trainee],
    listings: Iterable[tuple[int, Rows]],
    *,
    at: datetime,
    passed: PassedTests,
    failed: FailedUsers,
) -> Iterator[EvaluatedTrainee]:
    """Yield each trainee with the statuses, in the order of the listings.

    Calls ``downloadCertificate`` for completions that count only with a passed test.

    :param trainees: trainees by user id.
    :param listings: lesson schedules by user id.
    :param at: time of the statuses.
    :param passed: to which results are added.
    :param failed: to which users are added who cannot be evaluated.
    """
    remaining = iter(listings)
    while batch := list(islice(remaining, _TRAINEES_PER_BATCH)):
        people = dict(_parse_batch(trainees, batch, failed=failed))
        _read_certificates(client, people, at=at, passed=passed, failed=failed)
        for user_id, person in people.items():
            if user_id not in failed.errors:
                statuses = most_urgent_by_lesson(person.statuses(at=at, passed=passed))
                yield trainees[user_id], list(statuses.values())


def _parse_batch(
    trainees: Mapping[int, Trainee], batch: Iterable[tuple[int, Rows]], *, failed: FailedUsers
) -> Iterator[tuple[int, Person]]:
    for user_id, rows in batch:
        trainee = trainees[user_id]
        try:
            records = _parse_records(trainee, rows)
        except DamstraResponseError as error:
            failed.add(user_id, error)
        else:
            person = Person(requirements=trainee.requirements, records=records, time_zone=trainee.time_zone)
            yield user_id, person


def _parse_records(trainee: Trainee, rows: Rows) -> list[ScheduleRecord]:
    """Return the schedules of the lessons that a trainee needs; a row that was read twice counts once."""
    lesson_ids = {one.lesson_id for one in trainee.requirements}
    records: dict[int, ScheduleRecord] = {}
    description = f"a lesson schedule of user {trainee.id}"
    for row in rows:
        schedule = parse_row(LessonScheduleTimes, row, description=description)
        if schedule.lesson_id in lesson_ids:
            records[schedule.id] = ScheduleRecord.from_row(schedule)
    return list(records.values())


def _read_certificates(
    client: SupportsCalls,
    people: Mapping[int, Person],
    *,
    at: datetime,
    passed: PassedTests,
    failed: FailedUsers,
) -> None:
    """Add whether tests were passed, as far as the statuses depend on it.

    :param people: people by user id.
    """
    remaining: Sequence[int] = list(people)
    while remaining:
        user_ids = {
            schedule_id: user_id
            for user_id in remaining
            for schedule_id in people[user_id].next_certificates(at=at, passed=passed)
        }
        results = map_concurrently(
            return_error(partial(has_certificate, client)), list(user_ids), description="certificates read"
        )
        found = dict(zip(user_ids, results, strict=True))
        passed.update({one: result for one, result in found.items() if isinstance(result, bool)})
        if found:
            passed.save()
        for schedule_id, result in found.items():
            if isinstance(result, DamstraError):
                failed.add(user_ids[schedule_id], result)
        remaining = [one for one in dict.fromkeys(user_ids.values()) if one not in failed.errors]
