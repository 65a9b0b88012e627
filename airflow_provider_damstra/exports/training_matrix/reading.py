"""Read the training matrix of a group from Damstra Learning."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Protocol

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import GetGroup, ListGroupMembers, ListGroups
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Identifier,
    OptionalAwareDateTime,
    OptionalIdentifierList,
)
from airflow_provider_damstra.exports.row_parsing import parse_lesson_schedule
from airflow_provider_damstra.exports.training_matrix.matrix import MatrixRow, TrainingMatrix
from airflow_provider_damstra.services.concurrency import map_concurrently
from airflow_provider_damstra.services.group import descendants
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.services.supervisors import find_supervisors

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.exports.reader import ResourceReader
    from airflow_provider_damstra.exports.training_matrix.matrix import MatrixCell
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.models.lesson_schedule import UserLessonSchedule
    from airflow_provider_damstra.models.user import User

log = logging.getLogger(__name__)


class TrainingMatrixRequest(RequestModel):
    """Select the rows and columns of a training matrix, and the time of the statuses."""

    group_id: Identifier
    lesson_ids: OptionalIdentifierList = OMITTED
    at: OptionalAwareDateTime = OMITTED
    include_child_groups: bool = False
    include_inactive: bool = False
    include_supervisors: bool = False


class Statuses(Protocol):
    """How statuses follow from lesson schedules: ``ScheduleStatuses`` or ``RequirementStatuses``."""

    has_requirements: bool

    def time_zone_of(self, user: User) -> tzinfo | None:
        """Return the time zone of a user's dates, or None for the one of the matrix."""

    def add(self, user_id: int, lesson_id: int, row: UserLessonSchedule) -> None:
        """Add a schedule of a user."""

    def lessons(self) -> Mapping[int, str]:
        """Return the names of the lessons by id, in the order of the columns."""

    def cells(self, users: Iterable[User]) -> dict[int, dict[int, MatrixCell]]:
        """Return the cells by user id and lesson id."""


def read_training_matrix(
    client: SupportsCalls,
    wanted: TrainingMatrixRequest,
    *,
    at: datetime,
    read_schedules: Callable[[Sequence[int]], ResourceReader],
    create_statuses: Callable[[], Statuses],
) -> TrainingMatrix:
    """Read the training matrix of a group.

    :param wanted: selects the rows.
    :param at: time of the statuses.
    :param read_schedules: returns a reader of the lesson schedules of users, given their ids.
    :param create_statuses: returns what selects the columns and determines the statuses.
    :raises DamstraNotFoundError: if the group or a lesson does not exist.
    :raises DamstraError: if a request failed: a matrix with missing rows would be misread.
    """
    group = client.call(GetGroup(group_id=wanted.group_id))
    statuses = create_statuses()
    below = descendants(client.iterate(ListGroups()), group.id) if wanted.include_child_groups else ()
    members = _members(client, [group, *below], include_inactive=wanted.include_inactive)
    with read_schedules([user.id for user, _ in members]) as reader:
        newest = _add_schedules(statuses, reader)
    cells = statuses.cells(user for user, _ in members)
    supervisors = _supervisors(client, members, newest) if wanted.include_supervisors else {}
    rows = [
        MatrixRow(
            user=user,
            groups=tuple(groups),
            cells=cells[user.id],
            supervisors=supervisors.get(user.id, ()),
            time_zone=statuses.time_zone_of(user),
        )
        for user, groups in members
    ]
    return TrainingMatrix(
        group=group,
        lessons=statuses.lessons(),
        rows=sorted(rows, key=lambda row: (row.user.full_name.casefold(), row.user.id)),
        at=at,
        has_supervisors=wanted.include_supervisors,
        has_requirements=statuses.has_requirements,
    )


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


def _add_schedules(statuses: Statuses, reader: ResourceReader) -> dict[int, int]:
    """Add all schedules, and return the id of the newest one of each user who has any."""
    newest: dict[int, int] = {}
    without_lesson: list[int] = []
    for page in reader.pages():
        user_id = page.parent_id or 0
        for row in map(parse_lesson_schedule, page.rows):
            newest[user_id] = max(row.id, newest.get(user_id, 0))
            if row.lesson_id is None:
                without_lesson.append(row.id)
            else:
                statuses.add(user_id, row.lesson_id, row)
    if without_lesson:
        log.warning("Lesson schedules %s have no lesson id and are left out.", format_ids(without_lesson))
    return newest


def _supervisors(
    client: SupportsCalls, members: Sequence[tuple[User, Sequence[Group]]], newest: Mapping[int, int]
) -> dict[int, list[User]]:
    """Return the supervisors by user id, of all groups of a user, also of those that are not selected."""
    groups_by_user = {user.id: {*user.groups, *(group.id for group in groups)} for user, groups in members}
    return find_supervisors(client, groups_by_user, newest)
