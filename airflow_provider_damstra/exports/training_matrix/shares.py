"""Shares of trained people of a training matrix: by lesson, by group, and of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_damstra.exports.training_matrix.matrix import NOT_REQUIRED
from airflow_provider_damstra.requirements.status import TrainingState

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.training_matrix.matrix import TrainingMatrix

_TRAINED = frozenset(str(state) for state in TrainingState if state.is_trained)


@dataclass(slots=True)
class Share:
    """How many of the required trainings are current or expiring."""

    trained: int = 0
    required: int = 0

    @property
    def percent(self) -> int | None:
        """Return the share in percent, rounded down so that 100 means all, or None if none is required."""
        return self.trained * 100 // self.required if self.required else None

    def add(self, status: str) -> None:
        """Count a cell with a status."""
        self.required += status != NOT_REQUIRED
        self.trained += status in _TRAINED


class Shares:
    """The shares of people, such as of a group.

    :ivar by_lesson: shares by lesson id, in the order of the columns.
    :ivar people: the number of people.
    """

    def __init__(self, lesson_ids: Mapping[int, str]) -> None:
        self.by_lesson = {lesson_id: Share() for lesson_id in lesson_ids}
        self.people = 0

    @property
    def total(self) -> Share:
        """Return the share of all lessons."""
        shares = self.by_lesson.values()
        return Share(sum(one.trained for one in shares), sum(one.required for one in shares))

    def add(self, statuses: list[str]) -> None:
        """Count a person with the statuses of the lessons."""
        self.people += 1
        for share, status in zip(self.by_lesson.values(), statuses, strict=True):
            share.add(status)


def shares_of(matrix: TrainingMatrix) -> tuple[Shares, dict[str, Shares]]:
    """Return the shares of all people, and by name of group in the order of names.

    A person in several groups counts in each. Groups of the same name are distinguished by their ids.
    """
    everyone = Shares(matrix.lessons)
    by_group: dict[int, Shares] = {}
    names: dict[int, str] = {}
    for row in matrix.rows:
        statuses = [cell.status for cell in matrix.cells(row)]
        everyone.add(statuses)
        for group in row.groups:
            names[group.id] = group.display_name
            if group.id not in by_group:
                by_group[group.id] = Shares(matrix.lessons)
            by_group[group.id].add(statuses)
    unique = _unique_names(names)
    ids = sorted(by_group, key=lambda group_id: (unique[group_id].casefold(), group_id))
    return everyone, {unique[group_id]: by_group[group_id] for group_id in ids}


def _unique_names(names: Mapping[int, str]) -> dict[int, str]:
    """Return the names by group id, with the id behind names that several groups have."""
    count = Counter(names.values())
    return {one: name if count[name] == 1 else f"{name} [{one}]" for one, name in names.items()}
