"""Training matrix of a group: the status of each lesson for each member, read from Damstra Learning."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import GetGroup, ListGroupMembers, ListGroups
from airflow_provider_damstra.endpoints.lesson import ListLessons
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Identifier,
    OptionalIdentifierList,
)
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.exports.lesson_schedules import parse_lesson_schedule
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus, UserLessonSchedule
from airflow_provider_damstra.services.concurrency import map_concurrently
from airflow_provider_damstra.services.group import descendants
from airflow_provider_damstra.services.supervisors import find_supervisors

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.exports.training_matrix.completion import CompletionRequirements
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.models.user import User

NOT_SCHEDULED = "not scheduled"
"""Status of a lesson that the user was never scheduled to."""

_EARLIEST = datetime.min.replace(tzinfo=UTC)

log = logging.getLogger(__name__)


class TrainingMatrixRequest(RequestModel):
    """Select the rows and columns of a training matrix."""

    group_id: Identifier
    lesson_ids: OptionalIdentifierList = OMITTED
    include_child_groups: bool = False
    include_inactive: bool = False
    include_supervisors: bool = False


@dataclass(frozen=True, kw_only=True)
class MatrixCell:
    """Status and dates of one lesson for one user."""

    status: str
    due: datetime | None = None
    completed: datetime | None = None


_EMPTY_CELL = MatrixCell(status=NOT_SCHEDULED)


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """One user.

    :param groups: names of the selected groups that the user is a member of.
    :param cells: cells by lesson id.
    :param supervisors: active supervisors of the user, if they are selected.
    """

    user: User
    groups: tuple[str, ...]
    cells: Mapping[int, MatrixCell]
    supervisors: Sequence[User] = ()

    def cell(self, lesson_id: int) -> MatrixCell:
        """Return the cell of a lesson."""
        return self.cells.get(lesson_id, _EMPTY_CELL)


@dataclass(frozen=True, kw_only=True)
class TrainingMatrix:
    """Hold users by lessons.

    :param lessons: names of the lessons by id, in the order of the columns.
    :param rows: users in the order of their names.
    :param read_at: time at which the statuses were read.
    :param has_supervisors: whether the rows contain supervisors.
    """

    group: Group
    lessons: Mapping[int, str]
    rows: Sequence[MatrixRow]
    read_at: datetime
    has_supervisors: bool = False

    def counts(self) -> dict[str, int]:
        """Return the number of cells with each status, the most frequent first."""
        statuses = (row.cell(lesson).status for row in self.rows for lesson in self.lessons)
        return dict(Counter(statuses).most_common())


def read_training_matrix(
    client: SupportsCalls,
    wanted: TrainingMatrixRequest,
    *,
    read_schedules: Callable[[Sequence[int]], ResourceReader],
    completion: CompletionRequirements,
) -> TrainingMatrix:
    """Read the training matrix of a group.

    :param wanted: selects the rows and columns.
    :param read_schedules: returns a reader of the lesson schedules of users, given their ids.
    :param completion: what a completion needs in order to count.
    :raises DamstraNotFoundError: if the group or a lesson does not exist.
    :raises DamstraError: if a request failed: a matrix with missing rows would be misread.
    """
    read_at = datetime.now(UTC)
    group = client.call(GetGroup(group_id=wanted.group_id))
    named = _lesson_names(client, wanted.lesson_ids) if wanted.lesson_ids else None
    below = descendants(client.iterate(ListGroups()), group.id) if wanted.include_child_groups else ()
    groups = [group, *below]
    members = _members(client, groups, include_inactive=wanted.include_inactive)
    with read_schedules([user.id for user, _ in members]) as reader:
        schedules = _deciding_schedules(reader)
    lessons = named or _lessons_in(schedules.values())
    shown = [
        row for by_lesson in schedules.values() for lesson, row in by_lesson.items() if lesson in lessons
    ]
    rejected = completion.rejected_statuses(client, shown, at=read_at)
    supervisors = _supervisors(client, members, schedules) if wanted.include_supervisors else {}
    rows = [
        MatrixRow(
            user=user,
            groups=tuple(group.name or f"group {group.id}" for group in groups_of_user),
            supervisors=supervisors.get(user.id, ()),
            cells={
                lesson: cell_of(row, status=rejected.get(row.id))
                for lesson, row in schedules.get(user.id, {}).items()
            },
        )
        for user, groups_of_user in members
    ]
    return TrainingMatrix(
        group=group,
        lessons=lessons,
        rows=sorted(rows, key=lambda row: (row.user.full_name.casefold(), row.user.id)),
        read_at=read_at,
        has_supervisors=wanted.include_supervisors,
    )


def _supervisors(
    client: SupportsCalls,
    members: Sequence[tuple[User, Sequence[Group]]],
    schedules: Mapping[int, Mapping[int, UserLessonSchedule]],
) -> dict[int, list[User]]:
    """Return the supervisors by user id, of all groups of a user, also of those that are not selected."""
    groups_by_user = {user.id: {*user.groups, *(group.id for group in groups)} for user, groups in members}
    newest = {user_id: max(row.id for row in rows.values()) for user_id, rows in schedules.items() if rows}
    return find_supervisors(client, groups_by_user, newest)


def _lesson_names(client: SupportsCalls, lesson_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of lessons, from their newest versions, in the order of the ids."""
    rows = sorted(client.iterate(ListLessons(lesson_ids=tuple(lesson_ids))), key=lambda row: row.version or 0)
    names = {row.lesson_id: row.name or f"lesson {row.lesson_id}" for row in rows}
    unknown = [str(lesson_id) for lesson_id in lesson_ids if lesson_id not in names]
    if unknown:
        raise DamstraNotFoundError(f"Lesson {', '.join(unknown)} does not exist; no matrix was written.")
    return {lesson_id: names[lesson_id] for lesson_id in lesson_ids}


def _members(
    client: SupportsCalls, groups: Sequence[Group], *, include_inactive: bool
) -> list[tuple[User, list[Group]]]:
    """Return the members of the groups, each once, with these of their groups."""
    listings = map_concurrently(
        lambda group: list(client.iterate(ListGroupMembers(group_id=group.id))),
        groups,
        description="groups read",
    )
    users: dict[int, User] = {}
    groups_by_user: dict[int, list[Group]] = {}
    for group, members in zip(groups, listings, strict=True):
        for user in members:
            if user.is_active or include_inactive:
                users[user.id] = user
                groups_by_user.setdefault(user.id, []).append(group)
    return [(user, groups_by_user[user.id]) for user in users.values()]


def _deciding_schedules(reader: ResourceReader) -> dict[int, dict[int, UserLessonSchedule]]:
    """Return for each user and lesson the schedule that determines the status."""
    schedules: dict[int, dict[int, UserLessonSchedule]] = {}
    for page in reader.pages():
        by_lesson = schedules.setdefault(page.parent_id or 0, {})
        for row in map(parse_lesson_schedule, page.rows):
            if row.lesson_id is None:
                log.warning(
                    "Lesson schedule %d of user %s has no lesson id and is left out.", row.id, page.parent_id
                )
            else:
                previous = by_lesson.get(row.lesson_id, row)
                by_lesson[row.lesson_id] = deciding_schedule((previous, row))
    return schedules


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


def _lessons_in(schedules: Iterable[Mapping[int, UserLessonSchedule]]) -> dict[int, str]:
    """Return the names, from the newest versions, of all lessons with a schedule."""
    newest: dict[int, tuple[int, str]] = {}
    for rows in schedules:
        for lesson_id, row in rows.items():
            name = (row.version or 0, row.lesson_name or f"lesson {lesson_id}")
            newest[lesson_id] = max(name, newest.get(lesson_id, name))
    names = {lesson_id: name for lesson_id, (_, name) in newest.items()}
    return dict(sorted(names.items(), key=lambda item: (item[1].casefold(), item[0])))
