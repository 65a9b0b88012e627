"""``map_concurrently``: order, errors, progress and the number of threads."""

from __future__ import annotations

import logging
import threading

import pytest

from airflow_provider_damstra.errors import DamstraError, DamstraNotFoundError
from airflow_provider_damstra.services import concurrency
from airflow_provider_damstra.services.concurrency import MAX_WORKERS, map_concurrently, return_error


def take_turns(count: int) -> list[threading.Event]:
    """Return an event for each item; each but the last waits for the one after it."""
    return [threading.Event() for _ in range(count)]


def test_map_concurrently_keeps_the_order_of_items() -> None:
    turns = take_turns(5)

    def last_one_first(item: int) -> int:
        if item + 1 < len(turns):
            assert turns[item + 1].wait(10)
        turns[item].set()
        return item * item

    assert map_concurrently(last_one_first, range(5), description="squares") == [0, 1, 4, 9, 16]


def test_return_error_puts_an_error_in_the_place_of_its_result() -> None:
    error = DamstraNotFoundError("no such user")

    def fails_at_two(item: int) -> int:
        if item == 2:
            raise error
        return item

    outcomes = map_concurrently(return_error(fails_at_two), [1, 2, 3], description="items")
    assert outcomes == [1, error, 3]


def test_first_error_is_raised_and_cancels_items_not_started() -> None:
    begun: list[int] = []
    pause = threading.Event()

    def fails_at_once(item: int) -> int:
        begun.append(item)
        if item == 0:
            raise DamstraNotFoundError("no such user")
        pause.wait(0.02)
        return item

    with pytest.raises(DamstraNotFoundError, match="no such user"):
        map_concurrently(fails_at_once, range(40 * MAX_WORKERS), description="items")
    assert len(begun) < 20 * MAX_WORKERS
    assert map_concurrently(str, [2, 1], description="items") == ["2", "1"]


def test_no_items_give_no_results() -> None:
    empty: list[int] = []
    assert map_concurrently(str, empty, description="items") == []


def test_return_error_raises_errors_that_are_not_damstra_errors() -> None:
    begun: list[int] = []
    pause = threading.Event()

    def fails_at_once(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise ZeroDivisionError
        pause.wait(0.02)

    with pytest.raises(ZeroDivisionError):
        map_concurrently(return_error(fails_at_once), range(40 * MAX_WORKERS), description="items")
    assert len(begun) < 20 * MAX_WORKERS


def test_at_most_max_workers_run_at_once() -> None:
    lock, everybody_is_in = threading.Lock(), threading.Barrier(MAX_WORKERS, timeout=10)
    inside, peak = 0, 0

    def count(item: int) -> None:
        nonlocal inside, peak
        with lock:
            inside += 1
            peak = max(peak, inside)
        everybody_is_in.wait()
        with lock:
            inside -= 1

    outcomes = map_concurrently(count, range(3 * MAX_WORKERS), description="items")
    assert len(outcomes) == 3 * MAX_WORKERS
    assert peak == MAX_WORKERS


def test_progress_is_logged_once_per_interval(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    map_concurrently(str, [1, 2, 3], description="users scheduled")
    assert caplog.messages == []
    monkeypatch.setattr(concurrency, "PROGRESS_INTERVAL", 0.0)
    map_concurrently(str, [1, 2, 3], description="users scheduled")
    assert caplog.messages == [f"{count} of 3 users scheduled" for count in (1, 2, 3)]


def test_errors_count_as_progress(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fails(item: int) -> None:
        raise DamstraError("no")

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(concurrency, "PROGRESS_INTERVAL", 0.0)
    map_concurrently(return_error(fails), [1], description="users")
    assert caplog.messages == ["1 of 1 users"]
