"""Which events of a training are due: each once for a period, also if it is evaluated again or earlier."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.requirements.status import TrainingState
from airflow_provider_damstra.requirements.training_events import (
    MAX_PERIODS,
    Period,
    TrainingHistory,
    advance,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BEFORE, AFTER = START - 100 * DAY, START + DAY / 2

# What an evaluation finds: completion, last day of its validity, state.
Found = tuple[int, str, str] | None


def period(found: Found, *, completed_at: datetime = AFTER) -> Period | None:
    if found is None:
        return None
    schedule_id, valid_through, state = found
    return Period(
        lesson_schedule_id=schedule_id,
        completed_at=completed_at + schedule_id * DAY,
        valid_through=date.fromisoformat(valid_through),
        state=TrainingState(state),
    )


def events_of(evaluations: Iterable[tuple[int, Found]], *, completed_at: datetime = AFTER) -> list[str]:
    """Evaluate one after the other, each on a day after the start; return the events with their days."""
    history: TrainingHistory | None = None
    occurred = []
    for day, found in evaluations:
        events, history = advance(
            history, period(found, completed_at=completed_at), at=START + day * DAY, tracked_since=START
        )
        occurred += [f"{day} {name.removeprefix('training.')}" for name in events]
    return occurred


MAY, JUNE = "2026-05-31", "2026-06-30"
CURRENT, EXPIRING, EXPIRED = ((1, MAY, state) for state in ("current", "expiring", "expired"))
RENEWED = (2, JUNE, "current")


@pytest.mark.parametrize(
    ("evaluations", "events"),
    [
        # The whole of two periods, each day again.
        (
            [(1, None), (2, CURRENT), (3, CURRENT), (4, EXPIRING), (5, EXPIRING), (6, EXPIRED), (7, EXPIRED)],
            ["2 current", "4 expiring", "6 expired"],
        ),
        ([(2, CURRENT), (4, EXPIRING), (5, RENEWED), (6, RENEWED)], ["2 current", "4 expiring", "5 current"]),
        # Evaluated too seldom: what is over is no event any more.
        ([(1, None), (6, EXPIRED)], ["6 expired"]),
        ([(2, CURRENT), (6, EXPIRED), (7, RENEWED)], ["2 current", "6 expired", "7 current"]),
        # A completion that is known late counts, and is about to expire.
        ([(1, None), (4, EXPIRING)], ["4 current", "4 expiring"]),
        # The same time again, as by a retry, and earlier times after later ones.
        ([(2, CURRENT), (2, CURRENT), (6, EXPIRED), (6, EXPIRED)], ["2 current", "6 expired"]),
        ([(6, EXPIRED), (4, EXPIRING), (2, CURRENT), (7, EXPIRED)], ["6 expired"]),
        ([(7, RENEWED), (4, EXPIRING), (6, EXPIRED), (1, None), (8, RENEWED)], ["7 current"]),
        # A completion disappears, and appears again.
        ([(2, CURRENT), (3, None), (4, CURRENT)], ["2 current"]),
        (
            [(2, CURRENT), (3, RENEWED), (4, CURRENT), (5, EXPIRED), (6, RENEWED)],
            ["2 current", "3 current", "5 expired"],
        ),
        # Another rule with the same date, or with another date, and the first rule again.
        ([(2, CURRENT), (3, (1, JUNE, "current")), (4, CURRENT)], ["2 current"]),
        (
            [(2, CURRENT), (6, EXPIRED), (7, (1, JUNE, "expiring")), (8, EXPIRED), (9, (1, JUNE, "expired"))],
            ["2 current", "6 expired", "7 current", "7 expiring", "9 expired"],
        ),
    ],
)
def test_each_event_occurs_once_in_a_period(evaluations: list[tuple[int, Found]], events: list[str]) -> None:
    assert events_of(evaluations) == events


@pytest.mark.parametrize(
    ("first", "events"), [(CURRENT, []), (EXPIRING, ["0 expiring"]), (EXPIRED, ["0 expired"])]
)
def test_first_evaluation_of_existing_completions_has_no_current(first: Found, events: list[str]) -> None:
    assert events_of([(0, first), (1, first)], completed_at=BEFORE) == events


@pytest.mark.parametrize("found", [CURRENT, EXPIRING])
def test_completion_before_first_evaluation_is_current_if_it_was_not_known_then(found: Found) -> None:
    """A completion that the app sends days later."""
    assert "2 current" in events_of([(0, None), (2, found)], completed_at=BEFORE)


def test_person_who_is_evaluated_later_than_others_has_events_of_new_completions_only() -> None:
    assert events_of([(9, CURRENT)], completed_at=BEFORE) == []
    assert events_of([(9, CURRENT)]) == ["9 current"]


def test_completion_without_a_time_or_an_end_has_current_once() -> None:
    endless = Period(lesson_schedule_id=1, completed_at=None, valid_through=None, state=TrainingState.CURRENT)
    assert advance(None, endless, at=START, tracked_since=START)[0] == []
    history = TrainingHistory(changed_at=START)
    events, history = advance(history, endless, at=START, tracked_since=START)
    assert events == ["training.current"]
    assert advance(history, endless, at=START + DAY, tracked_since=START) == ([], history)


def test_number_of_periods_is_bounded_and_the_latest_are_kept() -> None:
    history: TrainingHistory | None = None
    for number in range(1, 2 * MAX_PERIODS):
        found = period((number, MAY, "current"))
        _, history = advance(history, found, at=START + number * DAY, tracked_since=START)
    assert history is not None
    kept = [one.lesson_schedule_id for one in history.periods]
    assert kept == list(range(MAX_PERIODS, 2 * MAX_PERIODS))
