"""Times of the next poll: slots, back-off, and responses that cannot change yet."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_damstra.polling.schedule import MAX_BACKOFF, SLOT, next_poll_at

INTERVAL = 60.0
START_TIMES = (0.0, 0.25, 59.9, 60.0, 1234.5678, 86_400.0)
INTERVALS = (0.01, 0.4, 1.0, 7.3, 60.0, 3600.0)


def next_after(
    polled_at: float, *, latency: float = 0.0, interval: float = INTERVAL, failures: int = 0, key: int = 7
) -> float:
    """Return the time of the poll after one whose response took ``latency`` seconds."""
    return next_poll_at(
        polled_at=polled_at, now=polled_at + latency, interval=interval, failures=failures, key=key
    )


def next_with_start(polled_at: float, not_before: datetime, *, failures: int = 0) -> float:
    """Return the time of the poll after one whose response cannot change before a time."""
    return next_poll_at(
        polled_at=polled_at, now=polled_at, interval=INTERVAL, failures=failures, key=7, not_before=not_before
    )


def after_sixty_polls(now: float, key: int) -> float:
    """Return the time of a poll in the query's slot."""
    for _ in range(60):
        now = next_after(now, key=key)
    return now


@pytest.mark.parametrize("now", START_TIMES)
@pytest.mark.parametrize("key", [0, 1, 119, 120, 10**12, -3])
@pytest.mark.parametrize("interval", INTERVALS)
def test_polls_are_about_one_interval_apart(now: float, key: int, interval: float) -> None:
    for _ in range(5):
        due = next_after(now, interval=interval, key=key)
        assert 0.95 * interval <= due - now <= 1.05 * interval
        now = due


@pytest.mark.parametrize("interval", INTERVALS)
def test_polls_in_their_slot_are_exactly_one_interval_apart(interval: float) -> None:
    now = 1000.0
    for _ in range(60):
        now = next_after(now, interval=interval, key=3)
    assert next_after(now, interval=interval, key=3) - now == pytest.approx(interval, rel=1e-6)


@pytest.mark.parametrize("latency", [0.001, 0.3, 1.5, 30.0, 59.0])
def test_latency_does_not_shift_slot(latency: float) -> None:
    due = after_sixty_polls(100.0, key=7)
    for _ in range(20):
        again = next_after(due, latency=latency)
        assert again - due == pytest.approx(INTERVAL)
        due = again


@pytest.mark.parametrize(("latency", "intervals"), [(61.0, 2), (119.0, 2), (121.0, 3)])
def test_latency_beyond_interval_skips_polls(latency: float, intervals: int) -> None:
    due = after_sixty_polls(100.0, key=7)
    assert next_after(due, latency=latency) - due == pytest.approx(intervals * INTERVAL)


def test_queries_that_start_together_spread_evenly_over_slots() -> None:
    phases = Counter(round(after_sixty_polls(1000.0, key) % INTERVAL, 3) % INTERVAL for key in range(1200))
    assert len(phases) == INTERVAL / SLOT
    assert set(phases.values()) == {10}


def test_slot_does_not_depend_on_start_time() -> None:
    phases = {round(after_sixty_polls(now, key=7) % INTERVAL, 3) % INTERVAL for now in START_TIMES}
    assert len(phases) == 1


def test_no_interval_contains_many_more_polls_than_queries() -> None:
    polls: list[float] = []
    for key in range(100):
        due = 1000.0
        while due < 1000.0 + 10 * INTERVAL:
            polls.append(due)
            due = next_after(due, key=key)
    for start in range(1000, 1500, 7):
        assert sum(start <= poll < start + INTERVAL for poll in polls) <= 105


def test_backoff_doubles_with_each_failure_up_to_limit() -> None:
    pauses = [next_after(50.0, interval=1.0, failures=failures) - 50.0 for failures in range(1, 15)]
    assert pauses[:9] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]
    assert set(pauses[9:]) == {MAX_BACKOFF}


def test_thousands_of_failures_do_not_overflow() -> None:
    assert next_after(0.0, failures=5000) == MAX_BACKOFF


def test_backoff_is_never_shorter_than_interval() -> None:
    assert next_after(0.0, interval=3600.0, failures=1) >= 3600.0


def test_next_poll_waits_until_response_can_change() -> None:
    start = datetime.now(UTC) + timedelta(days=3)
    assert next_with_start(500.0, start) - 500.0 == pytest.approx(3 * 86_400, abs=5)


def test_failure_is_retried_before_response_can_change() -> None:
    start = datetime.now(UTC) + timedelta(days=3)
    assert next_with_start(500.0, start, failures=1) == next_after(500.0, failures=1)


@pytest.mark.parametrize("seconds", [-86_400, 0, INTERVAL / 2])
def test_start_within_interval_is_ignored(seconds: float) -> None:
    start = datetime.now(UTC) + timedelta(seconds=seconds)
    assert next_with_start(500.0, start) == next_after(500.0)


def test_interval_of_zero_is_replaced_by_minimum() -> None:
    assert 500.0 < next_after(500.0, interval=0.0) <= 500.1
