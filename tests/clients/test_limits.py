"""The limit on requests in flight: one for threads and event loops; no place is ever lost or doubled."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Self

import pytest

from airflow_provider_damstra.clients import limits as module
from airflow_provider_damstra.clients.limits import LentTurn, Limits
from tests.clients.clock import until
from tests.clients.rooms import Room, free_places


def limits_of(places: int) -> Limits:
    return Limits(max_concurrency=places, requests_per_second=None)


@pytest.mark.parametrize("places", [1, 3])
def test_threads_and_event_loops_share_the_places(places: int) -> None:
    room = Room(limits_of(places))
    with ThreadPoolExecutor(10) as pool:
        threads = [pool.submit(room.visit) for _ in range(8)]
        loops = [pool.submit(asyncio.run, room.visit_all(8)) for _ in range(2)]
        until(lambda: room.visitors.now == places, "all places are taken")
        room.visitors.door.set()
        for future in (*threads, *loops):
            future.result(timeout=10)
    assert (room.visitors.total, room.visitors.peak, room.visitors.now) == (24, places, 0)
    assert free_places(room.limits, places + 2) == places


async def test_who_waits_longest_is_served_first() -> None:
    limits = limits_of(1)
    served: list[int] = []

    async def visit(number: int) -> None:
        async with limits.turn_in_loop():
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(visit(number) for number in range(20)))
    assert served == list(range(20))


def test_a_place_is_given_back_when_the_request_fails() -> None:
    limits = limits_of(2)
    for _ in range(5):
        with pytest.raises(ValueError, match="no"), limits.turn():
            raise ValueError("no")
    assert free_places(limits, 4) == 2


@pytest.mark.parametrize("was_given_a_place", [False, True])
def test_a_cancelled_waiter_loses_no_place(was_given_a_place: bool) -> None:
    limits = limits_of(1)

    async def scenario() -> None:
        with ExitStack() as held:
            held.enter_context(limits.turn())
            waiter = asyncio.ensure_future(limits.turn_in_loop().__aenter__())
            for _ in range(5):
                await asyncio.sleep(0)
            assert not waiter.done()
            if was_given_a_place:
                held.close()
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter

    asyncio.run(scenario())
    assert free_places(limits, 3) == 1


async def test_a_cancelled_waiter_does_not_hold_up_the_next() -> None:
    limits = limits_of(1)
    room = Room(limits)
    async with limits.turn_in_loop():
        waiters = [asyncio.ensure_future(room.visit_in_loop()) for _ in range(4)]
        for _ in range(5):
            await asyncio.sleep(0)
        waiters[0].cancel()
        waiters[2].cancel()
    room.visitors.door.set()
    results = await asyncio.wait_for(asyncio.gather(*waiters, return_exceptions=True), 10)
    assert [isinstance(one, asyncio.CancelledError) for one in results] == [True, False, True, False]
    assert room.visitors.total == 2


def test_a_waiter_whose_loop_has_ended_neither_keeps_nor_doubles_a_place() -> None:
    limits = limits_of(1)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # It would complain of a task that never ended.
    with limits.turn():
        waiter = loop.create_task(limits.turn_in_loop().__aenter__())
        for _ in range(5):
            loop.run_until_complete(asyncio.sleep(0))
        assert not waiter.done()
        loop.close()
    assert free_places(limits, 3) == 1
    del waiter
    gc.collect()
    assert free_places(limits, 3) == 1


def test_an_interrupted_thread_loses_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    limits = limits_of(1)
    with limits.turn():
        monkeypatch.setattr(module, "threading", SimpleNamespace(Event=Interrupted))
        with pytest.raises(KeyboardInterrupt), limits.turn():
            pass
    assert free_places(limits, 3) == 1


def lend(limits: Limits, *, seconds: float = 60) -> LentTurn | None:
    return limits.turn_now(seconds=seconds)


def test_a_turn_that_is_free_is_lent_without_waiting_and_ends_once() -> None:
    limits = limits_of(2)
    lent = [lend(limits), lend(limits)]
    assert lend(limits) is None
    for turn in (*lent, *lent):
        assert turn is not None
        turn.end()
    assert free_places(limits, 3) == 2


class Holder:
    """Holds a turn until there is something to read, and does not look itself."""

    def __init__(self, limits: Limits) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.turn = lend(limits)
        assert self.turn is not None
        self.turn.holder = self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ours.close()
        self.theirs.close()

    def fileno(self) -> int:
        return self.ours.fileno()

    def has_begun(self, at: float) -> None:
        assert self.turn is not None
        self.turn.end()


async def visit_in_loop(limits: Limits) -> None:
    async with limits.turn_in_loop():
        assert lend(limits) is None


def visit(limits: Limits) -> None:
    with limits.turn():
        assert lend(limits) is None


visits = pytest.mark.parametrize(
    "visit", [visit, lambda limits: asyncio.run(visit_in_loop(limits))], ids=["thread", "loop"]
)
Visit = Callable[[Limits], None]


@visits
def test_who_waits_ends_the_first_lent_turn_that_is_over(visit: Visit) -> None:
    limits = limits_of(2)
    with Holder(limits), Holder(limits) as answered:
        answered.theirs.send(b"answer")
        visit(limits)
        assert free_places(limits, 3) == 1


@visits
def test_who_waits_while_turns_are_lent_takes_any_that_ends(visit: Visit) -> None:
    limits = limits_of(2)
    with Holder(limits), ThreadPoolExecutor(1) as pool:
        with limits.turn():
            waiting = pool.submit(visit, limits)
            until(lambda: bool(limits._waiting), "one waits")
        waiting.result(timeout=10)


@visits
def test_a_lent_turn_ends_when_its_time_is_over(visit: Visit) -> None:
    limits = limits_of(1)
    assert lend(limits, seconds=0.01)
    visit(limits)
    assert free_places(limits, 2) == 1


def test_who_waits_does_not_mind_that_a_holder_closes() -> None:
    limits = limits_of(1)
    with Holder(limits) as holder, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(visit, limits)
        until(lambda: bool(limits._waiting), "one waits")
        holder.ours.close()
        holder.has_begun(0)
        waiting.result(timeout=10)


def test_a_turn_may_end_in_a_thread_that_is_just_at_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where Python's collector closes a listing that somebody left half-way."""
    limits = limits_of(2)
    turn = lend(limits)
    assert turn is not None

    def monotonic() -> float:
        turn.end()
        return now

    now = time.monotonic()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=monotonic))
    assert lend(limits)
    monkeypatch.undo()
    assert free_places(limits, 3) == 1


@pytest.mark.parametrize("step", ["add", "discard"])
def test_a_task_that_is_killed_between_two_steps_neither_keeps_nor_doubles_a_place(step: str) -> None:
    class Killed(Exception):
        pass

    class Killing(set[LentTurn]):
        def add(self, turn: LentTurn) -> None:
            super().add(turn)
            if step == "add":
                raise Killed

        def discard(self, turn: object) -> None:
            super().discard(turn)
            raise Killed

    limits = limits_of(2)
    limits._lent = Killing()
    with pytest.raises(Killed):
        end(lend(limits, seconds=0))
    limits._lent = set(limits._lent)
    limits._look_after_lent()
    assert free_places(limits, 3) == 2


def end(turn: LentTurn | None) -> None:
    assert turn is not None
    turn.end()
