"""How statuses appear on the page of a training matrix: mark, colour and order."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_damstra.exports.training_matrix.completion import EXPIRED, NOT_PASSED
from airflow_provider_damstra.exports.training_matrix.matrix import NOT_REQUIRED, NOT_SCHEDULED
from airflow_provider_damstra.models.lesson_schedule import LessonScheduleStatus
from airflow_provider_damstra.requirements.status import TrainingState

# A mark, and a colour for dark text that remains distinguishable in greyscale; what needs an action first.
_SCHEDULE_STATUSES: dict[str, tuple[str, str]] = {
    LessonScheduleStatus.OVERDUE: ("!", "#f4a7a0"),
    NOT_PASSED: ("\u2717", "#f6c6ea"),
    EXPIRED: ("\u21bb", "#ffd9a8"),
    LessonScheduleStatus.DUE: ("\u25cb", "#fff2b3"),
    LessonScheduleStatus.SCHEDULED: ("\u2026", "#cfe2f3"),
    LessonScheduleStatus.COMPLETED: ("\u2713", "#b7e1cd"),
    LessonScheduleStatus.CANCELLED: ("\u2715", "#d9d9d9"),
    NOT_SCHEDULED: ("\u2013", "#ffffff"),
}
_TRAINING_STATES: dict[str, tuple[str, str]] = {
    TrainingState.OVERDUE: ("!", "#f4a7a0"),
    TrainingState.EXPIRED: ("\u21bb", "#ffd9a8"),
    TrainingState.MISSING: ("\u2717", "#f6c6ea"),
    TrainingState.ASSIGNED: ("\u25cb", "#cfe2f3"),
    TrainingState.EXPIRING: ("\u25b3", "#fff2b3"),
    TrainingState.CURRENT: ("\u2713", "#b7e1cd"),
    NOT_REQUIRED: ("\u2013", "#ffffff"),
}
_ONLY_IF_USED = frozenset({NOT_PASSED, EXPIRED})
_UNKNOWN = ("?", "#e6d5f0")


class Appearance:
    """Marks and colours of the statuses of one matrix.

    :param used: statuses in the matrix, which may be unknown ones of Damstra's.
    :ivar order: statuses in the legend, what needs an action first.
    """

    def __init__(self, used: Iterable[str], *, has_requirements: bool) -> None:
        known = _TRAINING_STATES if has_requirements else _SCHEDULE_STATUSES
        self._known = {str(status): marked for status, marked in known.items()}
        used = list(used)
        left_out = frozenset() if has_requirements else _ONLY_IF_USED.difference(used)
        self.order = [one for one in dict.fromkeys((*self._known, *used)) if one not in left_out]

    def label(self, status: str) -> str:
        """Return a status with its mark."""
        return f"{self._known.get(status, _UNKNOWN)[0]} {status}"

    def colour(self, status: str) -> str:
        """Return the background colour of a status."""
        return self._known.get(status, _UNKNOWN)[1]
