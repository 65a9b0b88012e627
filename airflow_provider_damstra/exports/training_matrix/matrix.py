"""A group's training matrix: who is how far with which lesson, read from Damstra Learning."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import GetGroup, ListGroupMembers, ListGroups
from airflow_provider_damstra.endpoints.lesson import ListLessons
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import Identifier, SomeIdentifiers
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus, UserLessonSchedule
from airflow_provider_damstra.services.idempotency import Caller, gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, tzinfo

    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.models.user import User

NOT_SCHEDULED = "not scheduled"
"""The status of a lesson that a person was never scheduled to."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

log = logging.getLogger(__name__)


class TrainingMatrixRequest(RequestModel):
    """Whose training is shown, and in which lessons."""

    group_id: Identifier
    lesson_ids: SomeIdentifiers | None = None
    include_child_groups: bool = False
    include_inactive: bool = False


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far one person is with one lesson."""

    status: str
    due: datetime | None = None
    completed: datetime | None = None


NEVER_SCHEDULED = Standing(status=NOT_SCHEDULED)


@dataclass(frozen=True, kw_only=True)
class Person:
    """A row: somebody, the groups through which they are in it, and how far they are, by lesson id."""

    user: User
    groups: tuple[str, ...]
    standings: Mapping[int, Standing]

    def standing(self, lesson_id: int) -> Standing:
        """Return how far they are with a lesson."""
        return self.standings.get(lesson_id, NEVER_SCHEDULED)


@dataclass(frozen=True, kw_only=True)
class TrainingMatrix:
    """People by lessons.

    :param lessons: the names of the lessons by id, in the order of the columns.
    :param people: the rows, by name.
    :param read_at: when it was read: the statuses are of that moment.
    """

    group: Group
    lessons: Mapping[int, str]
    people: Sequence[Person]
    read_at: datetime

    def counts(self) -> dict[str, int]:
        """Return how many cells have each status, the most frequent first."""
        statuses = (one.standing(lesson).status for one in self.people for lesson in self.lessons)
        return dict(Counter(statuses).most_common())


def read_training_matrix(caller: Caller, wanted: TrainingMatrixRequest) -> TrainingMatrix:
    """Return a group's training matrix. Each person's schedules are read side by side.

    :raises DamstraNotFoundError: if the group or a lesson does not exist.
    :raises DamstraError: if one of the requests failed: a matrix with a gap would be misread.
    """
    read_at = datetime.now(UTC)
    group = caller.call(GetGroup(group_id=wanted.group_id))
    named = _lesson_names(caller, wanted.lesson_ids) if wanted.lesson_ids else None
    groups = [group, *(_below(caller, group) if wanted.include_child_groups else ())]
    members = _members(caller, groups, include_inactive=wanted.include_inactive)
    schedules = gather(lambda one: _deciding(caller, one[0].id), members, what="people's schedules read")
    people = [
        Person(user=user, groups=names, standings={one: standing_of(row) for one, row in rows.items()})
        for (user, names), rows in zip(members, schedules, strict=True)
    ]
    return TrainingMatrix(
        group=group,
        lessons=named or _lessons_in(schedules),
        people=sorted(people, key=lambda one: (one.user.full_name.casefold(), one.user.id)),
        read_at=read_at,
    )


def _lesson_names(caller: Caller, lesson_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of lessons, each that of the newest version, in the order in which they are named."""
    rows = sorted(caller.iterate(ListLessons(lesson_ids=tuple(lesson_ids))), key=lambda row: row.version or 0)
    names = {row.lesson_id: row.name or f"lesson {row.lesson_id}" for row in rows}
    unknown = [str(one) for one in lesson_ids if one not in names]
    if unknown:
        raise DamstraNotFoundError(f"Lesson {', '.join(unknown)} does not exist; no matrix was written.")
    return {one: names[one] for one in lesson_ids}


def _below(caller: Caller, top: Group) -> list[Group]:
    """Return the active groups below a group, at any depth."""
    children: dict[int | None, list[Group]] = {}
    for group in caller.iterate(ListGroups()):
        children.setdefault(group.parent_id, []).append(group)
    found: dict[int, Group] = {}
    waiting = list(children.get(top.id, ()))
    while waiting:
        group = waiting.pop(0)
        if group.id not in found and group.id != top.id:
            found[group.id] = group
            waiting += children.get(group.id, ())
    return list(found.values())


def _members(
    caller: Caller, groups: Sequence[Group], *, include_inactive: bool
) -> list[tuple[User, tuple[str, ...]]]:
    """Return who is in the groups, each once, with the names of their groups."""
    listings = gather(
        lambda group: list(caller.iterate(ListGroupMembers(group_id=group.id))), groups, what="groups read"
    )
    users: dict[int, User] = {}
    names: dict[int, list[str]] = {}
    for group, members in zip(groups, listings, strict=True):
        for user in members:
            if user.is_active or include_inactive:
                users[user.id] = user
                names.setdefault(user.id, []).append(group.name or f"group {group.id}")
    return [(user, tuple(names[user.id])) for user in users.values()]


def _deciding(caller: Caller, user_id: int) -> dict[int, UserLessonSchedule]:
    """Return the schedule of each lesson that says how far a user is."""
    by_lesson: dict[int, list[UserLessonSchedule]] = {}
    for row in caller.iterate(ListUserLessonSchedules(user_id=user_id)):
        if row.lesson_id is None:
            log.warning("Lesson schedule %d of user %d names no lesson; it is left out.", row.id, user_id)
        else:
            by_lesson.setdefault(row.lesson_id, []).append(row)
    return {lesson_id: deciding_schedule(rows) for lesson_id, rows in by_lesson.items()}


def deciding_schedule(rows: Iterable[UserLessonSchedule]) -> UserLessonSchedule:
    """Return which of a user's schedules of one lesson says how far the user is.

    It is the latest, by its start or its completion. One that has not begun yet counts only if there is none
    that has: next year's refresher does not hide that this year's is overdue. A cancelled one counts only if
    there is no other.
    """
    return max(rows, key=lambda row: (_weight(row), _latest(row), row.id))


def _weight(row: UserLessonSchedule) -> int:
    if row.is_cancelled:
        return 0
    return 1 if row.is_open and row.status == LessonScheduleStatus.SCHEDULED else 2


def _latest(row: UserLessonSchedule) -> datetime:
    return max(filter(None, (row.start_date, row.lesson_completed_date)), default=_LONG_AGO)


def standing_of(row: UserLessonSchedule) -> Standing:
    """Return how far a schedule is; of one that is under way, in the API's own word."""
    status = str(row.status or row.state) if row.state == "open" else row.state
    return Standing(status=status, due=row.end_date, completed=row.lesson_completed_date)


def date_of(moment: datetime | None, time_zone: tzinfo) -> date | None:
    """Return the day of a moment."""
    return None if moment is None else moment.astimezone(time_zone).date()


def day(moment: datetime | None, time_zone: tzinfo) -> str:
    """Return the day of a moment as ``2026-01-31``, or nothing."""
    found = date_of(moment, time_zone)
    return found.isoformat() if found else ""


def _lessons_in(schedules: Iterable[Mapping[int, UserLessonSchedule]]) -> dict[int, str]:
    """Return the names of the lessons that somebody is or was scheduled to, as the newest version has it."""
    newest: dict[int, tuple[int, str]] = {}
    for rows in schedules:
        for lesson_id, row in rows.items():
            name = (row.version or 0, row.lesson_name or f"lesson {lesson_id}")
            newest[lesson_id] = max(name, newest.get(lesson_id, name))
    names = {lesson_id: name for lesson_id, (_, name) in newest.items()}
    return dict(sorted(names.items(), key=lambda one: (one[1].casefold(), one[0])))
