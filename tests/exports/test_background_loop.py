"""The background event loop: order, errors, bounded queue, and an end within the time that Airflow grants."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import pytest

from airflow_provider_damstra.clients.async_client import AsyncClient
from airflow_provider_damstra.exports.background_loop import THREAD_NAME, ItemQueue, background_loop
from airflow_provider_damstra.exports.reader import ResourceReader
from airflow_provider_damstra.exports.resources import RESOURCES, ResourceQuery
from tests.clients.drivers import settings_for
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SECONDS_TO_STOP = 2.0
"""Airflow kills a task 5 s after the request to stop."""

USERS = ResourceQuery(resource=RESOURCES["users"], max_concurrency=8)
SCHEDULES = ResourceQuery(resource=RESOURCES["lesson_schedules"], parent_ids=range(1, 101), max_concurrency=8)


class Killed(BaseException):
    """Raised by the signal handler."""


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


@contextmanager
def signal_when(is_ready: threading.Event) -> Iterator[list[float]]:
    """Send this process a signal when the event is set; yield a list to which its time is added."""
    sent_at: list[float] = []

    def handle(*_: object) -> None:
        sent_at.append(time.monotonic())
        raise Killed

    def send() -> None:
        assert is_ready.wait(10)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, handle)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield sent_at
    finally:
        sender.join(10)
        signal.signal(signal.SIGUSR1, previous)


@contextmanager
def silent_server(accepted: threading.Event) -> Iterator[str]:
    """Yield the URL of a server that accepts connections, reads requests and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(connection)
                connection.recv(1)
                accepted.set()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for connection in connections:
                connection.close()


@pytest.mark.parametrize("query", [USERS, SCHEDULES], ids=["single listing", "many listings"])
def test_signal_during_a_request_without_response_ends_loop_and_thread(query: ResourceQuery) -> None:
    accepted = threading.Event()
    with silent_server(accepted) as url, signal_when(accepted) as sent_at:
        settings = settings_for(url, timeout=60.0)
        with (
            pytest.raises(Killed),
            ResourceReader(query, partial(AsyncClient, settings)) as reader,
        ):
            list(reader.pages())
        assert time.monotonic() - sent_at[0] < MAX_SECONDS_TO_STOP
    assert loop_threads() == []


def test_signal_during_name_resolution_ends_loop_and_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    is_resolving, may_end = threading.Event(), threading.Event()

    def resolve(*_: object, **__: object) -> list[object]:
        is_resolving.set()
        assert may_end.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    # Older versions of uvicorn, in other tests, make uvloop the default, which has a resolver of its own.
    monkeypatch.setattr(asyncio, "new_event_loop", asyncio.SelectorEventLoop)
    settings = settings_for("http://damstra.invalid", timeout=60.0)
    try:
        with signal_when(is_resolving) as sent_at:
            with (
                pytest.raises(Killed),
                ResourceReader(USERS, partial(AsyncClient, settings)) as reader,
            ):
                list(reader.pages())
            assert time.monotonic() - sent_at[0] < MAX_SECONDS_TO_STOP
        assert loop_threads() == []
    finally:
        may_end.set()


def test_signal_while_the_thread_starts_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class InterruptedThread(threading.Thread):
        def start(self) -> None:
            super().start()
            if self.name == THREAD_NAME:
                raise Killed

    monkeypatch.setattr(threading, "Thread", InterruptedThread)
    with pytest.raises(Killed), background_loop(nullcontext):
        pass
    assert loop_threads() == []


def test_exception_of_the_consumer_cancels_producer_and_ends_thread() -> None:
    cancelled = threading.Event()

    async def produce(queue: ItemQueue[int]) -> None:
        try:
            await queue.acquire_slot()
            queue.put(1)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def consume(items: Iterator[int]) -> None:
        for _ in items:
            raise OSError(28, "no space left on device")

    with pytest.raises(OSError, match="no space left"), background_loop(nullcontext) as loop:
        consume(loop.iterate(produce, size=4))
    assert cancelled.is_set()
    assert loop_threads() == []


def test_abandoned_iteration_does_not_delay_exit() -> None:
    async def produce(queue: ItemQueue[int]) -> None:
        for number in range(1000):
            await queue.acquire_slot()
            queue.put(number)

    with background_loop(nullcontext) as loop:
        assert next(loop.iterate(produce, size=2)) == 0
    assert loop_threads() == []


def test_error_of_producer_is_raised_after_its_items() -> None:
    async def produce(queue: ItemQueue[int]) -> None:
        for number in range(3):
            await queue.acquire_slot()
            queue.put(number)
        raise ValueError("producer failed")

    items: list[int] = []
    with background_loop(nullcontext) as loop, pytest.raises(ValueError, match="producer failed") as caught:
        items.extend(loop.iterate(produce, size=2))
    assert items == [0, 1, 2]
    assert caught.value.__context__ is None


def test_item_in_use_occupies_its_slot() -> None:
    produced: list[int] = []

    async def produce(queue: ItemQueue[int]) -> None:
        for number in range(100):
            await queue.acquire_slot()
            produced.append(number)
            queue.put(number)

    with background_loop(nullcontext) as loop:
        for taken, item in enumerate(loop.iterate(produce, size=3), start=1):
            assert item == taken - 1
            wait_until(lambda taken=taken: len(produced) == min(taken + 2, 100), "the free slots are used")  # type: ignore[misc]
            assert len(produced) == min(taken + 2, 100)
