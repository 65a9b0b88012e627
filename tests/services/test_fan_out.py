"""Many questions at once: order, errors, progress, and how many at most."""

from __future__ import annotations

import logging
import threading

import pytest

from airflow_provider_damstra.errors import DamstraError, DamstraNotFoundError
from airflow_provider_damstra.services import idempotency as caller
from airflow_provider_damstra.services.idempotency import WORKERS, fan_out, gather


def take_turns(count: int) -> list[threading.Event]:
    """Return an event for each item; each but the last waits for the one after it."""
    return [threading.Event() for _ in range(count)]


def test_results_are_in_the_order_of_the_items_whoever_is_done_first() -> None:
    turns = take_turns(5)

    def last_one_first(item: int) -> int:
        if item + 1 < len(turns):
            assert turns[item + 1].wait(10)
        turns[item].set()
        return item * item

    assert fan_out(last_one_first, range(5), what="squares") == [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)]


def test_an_error_of_one_item_is_its_outcome() -> None:
    error = DamstraNotFoundError("nobody")

    def fails_at_two(item: int) -> int:
        if item == 2:
            raise error
        return item

    assert fan_out(fails_at_two, [1, 2, 3], what="items") == [(1, 1), (2, error), (3, 3)]


def test_what_has_to_be_whole_ends_with_the_first_error() -> None:
    begun: list[int] = []
    pause = threading.Event()

    def fails_at_once(item: int) -> int:
        begun.append(item)
        if item == 0:
            raise DamstraNotFoundError("nobody")
        pause.wait(0.02)
        return item

    with pytest.raises(DamstraNotFoundError, match="nobody"):
        gather(fails_at_once, range(40 * WORKERS), what="items")
    assert len(begun) < 20 * WORKERS
    assert gather(str, [2, 1], what="items") == ["2", "1"]


def test_nothing_to_do_is_nothing_done() -> None:
    empty: list[int] = []
    assert fan_out(str, empty, what="items") == []


def test_any_other_error_ends_it_and_what_has_not_begun_does_not_begin() -> None:
    begun: list[int] = []
    pause = threading.Event()

    def fails_at_once(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise ZeroDivisionError
        pause.wait(0.02)

    with pytest.raises(ZeroDivisionError):
        fan_out(fails_at_once, range(40 * WORKERS), what="items")
    assert len(begun) < 20 * WORKERS


def test_so_many_at_most_are_worked_on_at_once() -> None:
    lock, everybody_is_in = threading.Lock(), threading.Barrier(WORKERS, timeout=10)
    inside, peak = 0, 0

    def count(item: int) -> None:
        nonlocal inside, peak
        with lock:
            inside += 1
            peak = max(peak, inside)
        everybody_is_in.wait()
        with lock:
            inside -= 1

    outcomes = fan_out(count, range(3 * WORKERS), what="items")
    assert len(outcomes) == 3 * WORKERS
    assert peak == WORKERS


def test_progress_is_told_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fan_out(str, [1, 2, 3], what="users scheduled")
    assert caplog.messages == []
    monkeypatch.setattr(caller, "PROGRESS_EVERY", 0.0)
    fan_out(str, [1, 2, 3], what="users scheduled")
    assert caplog.messages == [f"{count} of 3 users scheduled" for count in (1, 2, 3)]


def test_errors_count_as_progress(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fails(item: int) -> None:
        raise DamstraError("no")

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(caller, "PROGRESS_EVERY", 0.0)
    fan_out(fails, [1], what="users")
    assert caplog.messages == ["1 of 1 users"]
