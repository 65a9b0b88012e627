"""Kills in the middle of a transfer, which its next try resumes."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from distributed.faults.peers import kill_sender, process_at
from distributed.operations import operation_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed.faults.proxy import Exchange
    from distributed.load.metadata import Metadata

LISTING = "ListUserLessonSchedules"
RESPONSES = 40
"""Responses that a task receives before it is killed."""

INTERVAL = 0.2
"""Seconds between two looks for running tasks."""


class ReadKills:
    """An observer that kills tasks when they have read a part of their rows.

    ``killed`` counts the kills by task.

    :param tasks: names of tasks that list the lesson schedules of many users.
    :param times: kills for each task.
    :param metadata: has the process ids of running tasks.
    """

    def __init__(self, tasks: Iterable[str], *, times: int, metadata: Metadata, dag_id: str) -> None:
        self.killed: Counter[str] = Counter()
        self._pending = Counter(dict.fromkeys(tasks, times))
        self._metadata = metadata
        self._dag_id = dag_id
        self._running: dict[int, str] = {}
        self._responses: Counter[int] = Counter()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="read-kills", daemon=True)

    def start(self) -> None:
        """Start to look for running tasks."""
        self._thread.start()

    def stop(self) -> None:
        """Kill no further task."""
        self._stopped.set()
        self._thread.join()

    def __call__(self, exchange: Exchange) -> None:
        """Count a response to a listing, if a task is running that has to be killed."""
        running = self._running
        if not running or operation_of(exchange.method, exchange.path) != LISTING:
            return
        process = process_at(exchange)
        if process is None or process.pid not in running:
            return
        self._responses[process.pid] += 1
        task = running[process.pid]
        if self._responses[process.pid] == RESPONSES and self._pending[task] and kill_sender(exchange):
            self._pending[task] -= 1
            self.killed[task] += 1

    def _watch(self) -> None:
        while not self._stopped.wait(INTERVAL):
            pids = self._metadata.running_processes(self._dag_id)
            self._running = {pid: task for pid, task in pids.items() if self._pending[task]}
