"""The values of a training matrix: users by lessons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.models.user import User

NOT_SCHEDULED = "not scheduled"
"""Status of a lesson that the user was never scheduled to."""

NOT_REQUIRED = "not required"
"""Status of a lesson that no training rule requires of the user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixCell:
    """Status and dates of one lesson for one user.

    :param valid_through: last day on which the completion counts.
    :param reason: the rule and the status in words.
    """

    status: str
    due: datetime | None = None
    completed: datetime | None = None
    valid_through: date | None = None
    reason: str = ""


_NOT_SCHEDULED_CELL = MatrixCell(status=NOT_SCHEDULED)
_NOT_REQUIRED_CELL = MatrixCell(status=NOT_REQUIRED)


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """One user.

    :param groups: selected groups that the user is a member of.
    :param cells: cells by lesson id.
    :param supervisors: active supervisors of the user, if they are selected.
    :param time_zone: time zone of the dates, if it is not the one of the matrix.
    """

    user: User
    groups: tuple[Group, ...]
    cells: Mapping[int, MatrixCell]
    supervisors: Sequence[User] = ()
    time_zone: tzinfo | None = None

    @property
    def group_names(self) -> list[str]:
        """Return the names of the groups."""
        return [group.display_name for group in self.groups]

    @property
    def supervisor_names(self) -> list[str]:
        """Return the names of the supervisors."""
        return [supervisor.full_name for supervisor in self.supervisors]


@dataclass(frozen=True, kw_only=True)
class TrainingMatrix:
    """Hold users by lessons.

    :param lessons: names of the lessons by id, in the order of the columns.
    :param rows: users in the order of their names.
    :param at: time of the statuses.
    :param has_supervisors: whether the rows contain supervisors.
    :param has_requirements: whether the statuses are those of training rules.
    """

    group: Group
    lessons: Mapping[int, str]
    rows: Sequence[MatrixRow]
    at: datetime
    has_supervisors: bool = False
    has_requirements: bool = False

    def cells(self, row: MatrixRow) -> list[MatrixCell]:
        """Return the cells of a row in the order of the columns."""
        empty = _NOT_REQUIRED_CELL if self.has_requirements else _NOT_SCHEDULED_CELL
        return [row.cells.get(lesson_id, empty) for lesson_id in self.lessons]

    def counts(self) -> dict[str, int]:
        """Return the number of cells with each status, the most frequent first."""
        return dict(Counter(cell.status for row in self.rows for cell in self.cells(row)).most_common())
