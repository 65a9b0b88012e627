"""Processes that are stopped between the look-up and the change that follows from it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections import Counter
from typing import TYPE_CHECKING

import psutil

from distributed.faults.peers import process_at
from distributed.operations import operation_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from demo.processes import ManagedProcess
    from distributed.faults.proxy import Exchange

PAUSE_SECONDS = 40.0
"""Longer than a task may be without a heartbeat: Airflow starts another try meanwhile."""


class Pauses:
    """An observer that stops a task and its supervisor for 40 s when the response to a look-up arrives.

    ``paused`` lists the operations.

    :param operations: names of look-ups; a process is stopped once for each.
    :param workers: the processes whose descendants are tasks.
    """

    def __init__(self, operations: Iterable[str], *, workers: Iterable[ManagedProcess]) -> None:
        self.paused: list[str] = []
        self._workers = tuple(workers)
        self._pending = Counter(operations)
        self._timers: list[threading.Timer] = []
        self._stopped: list[psutil.Process] = []

    def __call__(self, exchange: Exchange) -> None:
        """Stop the sender of a look-up, if it is a task."""
        operation = operation_of(exchange.method, exchange.path)
        if operation is None or not self._pending[operation] or exchange.status != 200:
            return
        process = process_at(exchange)
        if process is None or not (stopped := self._task_and_supervisor(process)):
            return
        self._stopped += stopped
        self._pending[operation] -= 1
        self.paused.append(operation)
        _signal(stopped, signal.SIGSTOP)
        timer = threading.Timer(PAUSE_SECONDS, _signal, (stopped, signal.SIGCONT))
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def wait(self) -> None:
        """Wait until all processes go on, and have ended or begun with another task."""
        for timer in self._timers:
            timer.join()
        psutil.wait_procs(self._stopped[::2], timeout=PAUSE_SECONDS)

    def _task_and_supervisor(self, process: psutil.Process) -> list[psutil.Process]:
        """Return a task's process and the worker's child that supervises it; none for other processes."""
        if not any(process.pid in worker.members() for worker in self._workers):
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = process.parent()
            return [process, supervisor] if supervisor is not None else [process]
        return []


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
