"""``map_concurrently``: order, errors, progress and the number of threads."""

from __future__ import annotations

import logging
import threading

import pytest

from airflow_provider_damstra.errors import DamstraError, DamstraNotFoundError
from airflow_provider_damstra.services import concurrency
from airflow_provider_damstra.services.concurrency import MAX_WORKERS, map_concurrently, return_error


def create_events(count: int) -> list[threading.Event]:
    """Return an event for each item; each but the last waits for the one after it."""
    return [threading.Event() for _ in range(count)]


def test_map_concurrently_keeps_the_order_of_items() -> None:
    finished = create_events(5)

    def square_in_reverse_order(item: int) -> int:
        if item + 1 < len(finished):
            assert finished[item + 1].wait(10)
        finished[item].set()
        return item * item

    assert map_concurrently(square_in_reverse_order, range(5), description="squares") == [0, 1, 4, 9, 16]


def test_return_error_puts_an_error_in_the_place_of_its_result() -> None:
    error = DamstraNotFoundError("no such user")

    def fail_at_two(item: int) -> int:
        if item == 2:
            raise error
        return item

    outcomes = map_concurrently(return_error(fail_at_two), [1, 2, 3], description="items")
    assert outcomes == [1, error, 3]


def test_first_error_is_raised_and_cancels_items_not_started() -> None:
    started: list[int] = []
    pause = threading.Event()

    def fail_at_first_item(item: int) -> int:
        started.append(item)
        if item == 0:
            raise DamstraNotFoundError("no such user")
        pause.wait(0.02)
        return item

    with pytest.raises(DamstraNotFoundError, match="no such user"):
        map_concurrently(fail_at_first_item, range(40 * MAX_WORKERS), description="items")
    assert len(started) < 20 * MAX_WORKERS
    assert map_concurrently(str, [2, 1], description="items") == ["2", "1"]


def test_no_items_give_no_results() -> None:
    empty: list[int] = []
    assert map_concurrently(str, empty, description="items") == []


def test_return_error_raises_errors_that_are_not_damstra_errors() -> None:
    started: list[int] = []
    pause = threading.Event()

    def fail_at_first_item(item: int) -> None:
        started.append(item)
        if item == 0:
            raise ZeroDivisionError
        pause.wait(0.02)

    with pytest.raises(ZeroDivisionError):
        map_concurrently(return_error(fail_at_first_item), range(40 * MAX_WORKERS), description="items")
    assert len(started) < 20 * MAX_WORKERS


def test_at_most_max_workers_run_concurrently() -> None:
    lock, barrier = threading.Lock(), threading.Barrier(MAX_WORKERS, timeout=10)
    inside, peak = 0, 0

    def count(item: int) -> None:
        nonlocal inside, peak
        with lock:
            inside += 1
            peak = max(peak, inside)
        barrier.wait()
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
