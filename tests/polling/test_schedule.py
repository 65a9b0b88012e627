"""When to ask again: pure arithmetic."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_damstra.polling.schedule import LONGEST_PAUSE, SLOT, next_poll_at

INTERVAL = 60.0
MOMENTS = (0.0, 0.25, 59.9, 60.0, 1234.5678, 86_400.0)
INTERVALS = (0.01, 0.4, 1.0, 7.3, 60.0, 3600.0)


def after(
    asked: float, *, latency: float = 0.0, interval: float = INTERVAL, failures: int = 0, key: int = 7
) -> float:
    """Return when a query is asked next whose answer took a while."""
    return next_poll_at(asked=asked, now=asked + latency, interval=interval, failures=failures, key=key)


def at(asked: float, not_before: datetime, *, failures: int = 0) -> float:
    """Return when a query is asked next whose answer cannot change before a moment."""
    return next_poll_at(
        asked=asked, now=asked, interval=INTERVAL, failures=failures, key=7, not_before=not_before
    )


def settled(now: float, key: int) -> float:
    """Return when a query is asked after it has been asked for a while."""
    for _ in range(60):
        now = after(now, key=key)
    return now


@pytest.mark.parametrize("now", MOMENTS)
@pytest.mark.parametrize("key", [0, 1, 119, 120, 10**12, -3])
@pytest.mark.parametrize("interval", INTERVALS)
def test_an_interval_lies_between_two_polls(now: float, key: int, interval: float) -> None:
    for _ in range(5):
        due = after(now, interval=interval, key=key)
        assert 0.95 * interval <= due - now <= 1.05 * interval
        now = due


@pytest.mark.parametrize("interval", INTERVALS)
def test_in_its_slot_a_question_keeps_its_distance_exactly(interval: float) -> None:
    now = 1000.0
    for _ in range(60):
        now = after(now, interval=interval, key=3)
    assert after(now, interval=interval, key=3) - now == pytest.approx(interval, rel=1e-6)


@pytest.mark.parametrize("latency", [0.001, 0.3, 1.5, 30.0, 59.0])
def test_the_time_that_an_answer_takes_does_not_shift_the_slot(latency: float) -> None:
    due = settled(100.0, key=7)
    for _ in range(20):
        again = after(due, latency=latency)
        assert again - due == pytest.approx(INTERVAL)
        due = again


@pytest.mark.parametrize(("latency", "intervals"), [(61.0, 2), (119.0, 2), (121.0, 3)])
def test_an_answer_that_takes_longer_than_the_interval_is_waited_for(latency: float, intervals: int) -> None:
    due = settled(100.0, key=7)
    assert after(due, latency=latency) - due == pytest.approx(intervals * INTERVAL)


def test_questions_that_begin_together_spread_evenly_over_slots() -> None:
    phases = Counter(round(settled(1000.0, key) % INTERVAL, 3) % INTERVAL for key in range(1200))
    assert len(phases) == INTERVAL / SLOT
    assert set(phases.values()) == {10}


def test_a_question_has_the_same_slot_whenever_it_begins() -> None:
    phases = {round(settled(now, key=7) % INTERVAL, 3) % INTERVAL for now in MOMENTS}
    assert len(phases) == 1


def test_no_interval_holds_many_more_polls_than_questions() -> None:
    polls: list[float] = []
    for key in range(100):
        due = 1000.0
        while due < 1000.0 + 10 * INTERVAL:
            polls.append(due)
            due = after(due, key=key)
    for start in range(1000, 1500, 7):
        assert sum(start <= poll < start + INTERVAL for poll in polls) <= 105


def test_after_each_failure_the_distance_doubles_up_to_a_limit() -> None:
    pauses = [after(50.0, interval=1.0, failures=failures) - 50.0 for failures in range(1, 15)]
    assert pauses[:9] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]
    assert set(pauses[9:]) == {LONGEST_PAUSE}


def test_failures_without_end_overflow_nothing() -> None:
    assert after(0.0, failures=5000) == LONGEST_PAUSE


def test_a_failure_never_shortens_the_distance() -> None:
    assert after(0.0, interval=3600.0, failures=1) >= 3600.0


def test_it_waits_for_the_moment_before_which_nothing_can_change() -> None:
    start = datetime.now(UTC) + timedelta(days=3)
    assert at(500.0, start) - 500.0 == pytest.approx(3 * 86_400, abs=5)


def test_a_failure_before_that_moment_is_looked_into_all_the_same() -> None:
    start = datetime.now(UTC) + timedelta(days=3)
    assert at(500.0, start, failures=1) == after(500.0, failures=1)


@pytest.mark.parametrize("seconds", [-86_400, 0, INTERVAL / 2])
def test_a_moment_that_comes_within_the_interval_changes_nothing(seconds: float) -> None:
    start = datetime.now(UTC) + timedelta(seconds=seconds)
    assert at(500.0, start) == after(500.0)


def test_no_interval_is_a_short_one() -> None:
    assert 500.0 < after(500.0, interval=0.0) <= 500.1
