"""Statuses of a training matrix by training rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell
from airflow_provider_damstra.requirements.evaluation import most_urgent_by_lesson
from airflow_provider_damstra.requirements.people import Person, read_passed_of, time_zone_of
from airflow_provider_damstra.requirements.status import ScheduleRecord, TrainingStatus

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.requirements.resolution import ResolvedRules


class RequirementStatuses:
    """The status of each user by the rules that apply: of several for a lesson the most urgent.

    :param lesson_ids: the lessons, or None for all of the rules.
    :param at: time of the statuses.
    :param time_zone: time zone of users without one.
    :raises DamstraNotFoundError: if a lesson is in no rule.
    """

    has_requirements = True

    def __init__(
        self,
        client: SupportsCalls,
        lesson_ids: Sequence[int] | None,
        *,
        rules: ResolvedRules,
        at: datetime,
        time_zone: tzinfo,
    ) -> None:
        self._client = client
        self._rules = rules
        self._at = at
        self._time_zone = time_zone
        self._lessons = _lesson_names(rules, lesson_ids)
        self._records: dict[int, list[ScheduleRecord]] = {}

    def time_zone_of(self, user: User) -> tzinfo:
        """Return the time zone whose days decide about a user."""
        return time_zone_of(user, self._time_zone)

    def add(self, user_id: int, lesson_id: int, row: UserLessonSchedule) -> None:
        """Add a schedule of a user."""
        if lesson_id in self._lessons:
            self._records.setdefault(user_id, []).append(ScheduleRecord.from_row(row))

    def lessons(self) -> Mapping[int, str]:
        """Return the names of the lessons by id, in the order of the rules or of the given ids."""
        return self._lessons

    def cells(self, users: Iterable[User]) -> dict[int, dict[int, MatrixCell]]:
        """Return the cells by user id and lesson id, for lessons that are required of the user."""
        people = {user.id: self._person(user) for user in users}
        passed = read_passed_of(self._client, people.values(), at=self._at)
        by_user = {
            user_id: most_urgent_by_lesson(person.statuses(at=self._at, passed=passed))
            for user_id, person in people.items()
        }
        return {
            user_id: {lesson_id: _cell_of(status) for lesson_id, status in decisive.items()}
            for user_id, decisive in by_user.items()
        }

    def _person(self, user: User) -> Person:
        required = self._rules.requirements_of(user)
        return Person(
            requirements=[one for one in required if one.lesson_id in self._lessons],
            records=self._records.get(user.id, ()),
            time_zone=self.time_zone_of(user),
        )


def _lesson_names(rules: ResolvedRules, lesson_ids: Sequence[int] | None) -> dict[int, str]:
    names = {one.lesson_id: one.lesson_name for one in rules.requirements}
    if lesson_ids is None:
        return names
    unknown = [str(lesson_id) for lesson_id in lesson_ids if lesson_id not in names]
    if unknown:
        raise DamstraNotFoundError(f"Lesson {', '.join(unknown)} is in no rule; no matrix was written.")
    return {lesson_id: names[lesson_id] for lesson_id in lesson_ids}


def _cell_of(status: TrainingStatus) -> MatrixCell:
    return MatrixCell(
        status=str(status.state),
        due=status.due_at,
        completed=status.completed_at,
        valid_through=status.valid_through,
        reason=f"{status.requirement.rule}: {status.reason}",
    )
