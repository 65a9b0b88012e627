"""Statuses of a training matrix without training rules: those of the lesson schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.lesson import ListLessons
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus, UserLessonSchedule

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.exports.training_matrix.completion import CompletionRequirements
    from airflow_provider_damstra.models.user import User

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class ScheduleStatuses:
    """The status of each user's schedule that decides about a lesson.

    :param lesson_ids: the lessons, or None for all with a schedule.
    :param completion: what a completion needs in order to count.
    :param at: time at which the age of completions is measured.
    :raises DamstraNotFoundError: if a lesson does not exist.
    """

    has_requirements = False

    def __init__(
        self,
        client: SupportsCalls,
        lesson_ids: Sequence[int] | None,
        *,
        completion: CompletionRequirements,
        at: datetime,
    ) -> None:
        self._client = client
        self._completion = completion
        self._at = at
        self._selected = _lesson_names(client, lesson_ids) if lesson_ids else None
        self._schedules: dict[int, dict[int, UserLessonSchedule]] = {}

    def time_zone_of(self, user: User) -> None:
        """Return None: dates are in the time zone of the matrix."""

    def add(self, user_id: int, lesson_id: int, row: UserLessonSchedule) -> None:
        """Add a schedule of a user."""
        by_lesson = self._schedules.setdefault(user_id, {})
        by_lesson[lesson_id] = deciding_schedule((by_lesson.get(lesson_id, row), row))

    def lessons(self) -> Mapping[int, str]:
        """Return the names of the lessons by id, in the order of the columns."""
        return self._selected or _lessons_in(self._schedules.values())

    def cells(self, users: Iterable[User]) -> dict[int, dict[int, MatrixCell]]:
        """Return the cells by user id and lesson id."""
        lessons = self.lessons()
        shown = {
            user.id: {
                lesson_id: row
                for lesson_id, row in self._schedules.get(user.id, {}).items()
                if lesson_id in lessons
            }
            for user in users
        }
        rows = (row for by_lesson in shown.values() for row in by_lesson.values())
        rejected = self._completion.rejected_statuses(self._client, rows, at=self._at)
        return {
            user_id: {
                lesson_id: cell_of(row, status=rejected.get(row.id)) for lesson_id, row in by_lesson.items()
            }
            for user_id, by_lesson in shown.items()
        }


def deciding_schedule(rows: Iterable[UserLessonSchedule]) -> UserLessonSchedule:
    """Return which of a user's schedules of one lesson determines the status.

    It is the one with the latest start or completion. A schedule that has not started counts only if no other
    has started: next year's refresher does not hide an overdue one of this year. A cancelled schedule counts
    only if there is no other.
    """
    return max(rows, key=lambda row: (_priority(row), _latest_date(row), row.id))


def _priority(row: UserLessonSchedule) -> int:
    if row.is_cancelled:
        return 0
    return 1 if row.is_open and row.status == LessonScheduleStatus.SCHEDULED else 2


def _latest_date(row: UserLessonSchedule) -> datetime:
    return max(filter(None, (row.start_date, row.lesson_completed_date)), default=_EARLIEST)


def cell_of(row: UserLessonSchedule, *, status: str | None = None) -> MatrixCell:
    """Return the cell of a schedule; the status of an open schedule is the API's own term.

    :param status: status instead of the schedule's own.
    """
    if status is None:
        status = str(row.status or row.state) if row.state == "open" else row.state
    return MatrixCell(status=status, due=row.end_date, completed=row.lesson_completed_date)


def _lesson_names(client: SupportsCalls, lesson_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of lessons, from their newest versions, in the order of the ids."""
    rows = sorted(client.iterate(ListLessons(lesson_ids=tuple(lesson_ids))), key=lambda row: row.version or 0)
    names = {row.lesson_id: row.name or f"lesson {row.lesson_id}" for row in rows}
    unknown = [str(lesson_id) for lesson_id in lesson_ids if lesson_id not in names]
    if unknown:
        raise DamstraNotFoundError(f"Lesson {', '.join(unknown)} does not exist; no matrix was written.")
    return {lesson_id: names[lesson_id] for lesson_id in lesson_ids}


def _lessons_in(schedules: Iterable[Mapping[int, UserLessonSchedule]]) -> dict[int, str]:
    """Return the names, from the newest versions, of all lessons with a schedule."""
    newest: dict[int, tuple[int, str]] = {}
    for rows in schedules:
        for lesson_id, row in rows.items():
            name = (row.version or 0, row.lesson_name or f"lesson {lesson_id}")
            newest[lesson_id] = max(name, newest.get(lesson_id, name))
    names = {lesson_id: name for lesson_id, (_, name) in newest.items()}
    return dict(sorted(names.items(), key=lambda item: (item[1].casefold(), item[0])))
