"""Which events of a person's training are due, from its status and the events so far: pure.

A period is a completion with the last day of its validity. In each period an event occurs at most once, in
the order ``training.current``, ``training.expiring``, ``training.expired``. Events that come late are left
out: of ``expiring``, if the training has expired by the next evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_damstra.assets import TRAINING_CURRENT, TRAINING_EXPIRED, TRAINING_EXPIRING
from airflow_provider_damstra.requirements.status import TrainingState

if TYPE_CHECKING:
    from datetime import date, datetime

    from airflow_provider_damstra.assets import TrainingEvent

MAX_PERIODS = 20
"""Periods that are kept for each person and lesson, the latest."""

_ORDER = (TrainingState.CURRENT, TrainingState.EXPIRING, TrainingState.EXPIRED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A completion, the last day of its validity, and the state of the last evaluation.

    :param completed_at: None if Damstra does not have the time.
    :param valid_through: a day in the person's time zone; None is for ever.
    :param state: ``current``, ``expiring`` or ``expired``.
    """

    lesson_schedule_id: int
    completed_at: datetime | None
    valid_through: date | None
    state: TrainingState

    def is_same(self, other: Period) -> bool:
        """Return whether both are one period, in whatever state."""
        return self.is_same_completion(other) and self.valid_through == other.valid_through

    def is_same_completion(self, other: Period) -> bool:
        """Return whether both are of one completion, with whatever validity."""
        return (self.lesson_schedule_id, self.completed_at) == (other.lesson_schedule_id, other.completed_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingHistory:
    """The periods of a person's training in a lesson, as far as they were evaluated.

    :param changed_at: time of the latest evaluation with a change; earlier ones come too late.
    :param periods: in the order in which they were seen.
    """

    changed_at: datetime
    periods: tuple[Period, ...] = ()


def advance(
    history: TrainingHistory | None, period: Period | None, *, at: datetime, tracked_since: datetime
) -> tuple[list[TrainingEvent], TrainingHistory]:
    """Return the events that are due at an evaluation, and the history with it.

    :param history: None if the person was never evaluated for the lesson.
    :param period: the period of the completion that counts or counted last; None if there is none.
    :param at: time of the evaluation.
    :param tracked_since: time of the first evaluation of the lesson, of any person. A completion before it is
        no event for a person without a history.
    """
    if history is not None and at < history.changed_at:
        return [], history
    if period is None:
        return [], history or TrainingHistory(changed_at=at)
    known = history.periods if history else ()
    previous = next((one for one in known if one.is_same(period)), None)
    if history and previous and _ORDER.index(previous.state) >= _ORDER.index(period.state):
        return [], history
    events: list[TrainingEvent] = []
    if previous is None and _counts_newly(history, period, tracked_since=tracked_since):
        events.append(TRAINING_CURRENT)
    if period.state is TrainingState.EXPIRING:
        events.append(TRAINING_EXPIRING)
    elif period.state is TrainingState.EXPIRED:
        events.append(TRAINING_EXPIRED)
    periods = (*(one for one in known if one is not previous), period)
    return events, TrainingHistory(changed_at=at, periods=periods[-MAX_PERIODS:])


def _counts_newly(history: TrainingHistory | None, period: Period, *, tracked_since: datetime) -> bool:
    """Return whether a new period begins that the person is trained in.

    A completion whose validity another rule changes begins no new one, unless it had ended.
    """
    if period.state is TrainingState.EXPIRED:
        return False
    if history is None:
        return period.completed_at is not None and period.completed_at > tracked_since
    same = [one for one in history.periods if one.is_same_completion(period)]
    return not same or same[-1].state is TrainingState.EXPIRED
