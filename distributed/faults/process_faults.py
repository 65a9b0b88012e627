"""Random kills and restarts of the stack's processes."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING

from distributed.faults import calls
from distributed.stack.airflow import API_SERVER, SCHEDULERS, TRIGGERERS, WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed.stack.stack import Stack

FAULT_INTERVAL = 35.0
"""Seconds between two faults; longer if Airflow is not healthy again by then."""

HEALTH_CHECK_INTERVAL = 1.0
"""Seconds between two checks whether Airflow is healthy."""


class ProcessFaults:
    """A thread that kills or restarts one component after the other, in random order.

    All kinds of faults occur before one is repeated, also when it is stopped and started again.
    ``injected`` lists them. ``call_hits`` counts the faulty calls before restarts of the emulator, which
    loses its counts.
    """

    def __init__(self, stack: Stack, *, seed: int) -> None:
        self.injected: list[str] = []
        self.call_hits: Counter[str] = Counter()
        self._stack = stack
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        self._order: list[str] = []
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._faults: dict[str, Callable[[], None]] = {
            "SIGKILL of a worker and its tasks": self._kill_worker,
            "SIGKILL of a worker without its tasks": self._kill_worker_without_tasks,
            "SIGKILL of a triggerer": lambda: self._kill(TRIGGERERS),
            "SIGKILL of a scheduler": lambda: self._kill(SCHEDULERS),
            "SIGKILL of the API server": lambda: self._kill((API_SERVER,)),
            "SIGKILL and restart of Redis": stack.restart_redis,
            "restart of PostgreSQL": stack.restart_postgresql,
            "SIGKILL and restart of the emulator": self._restart_emulator,
        }

    def start(self) -> None:
        """Begin with the next fault."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="process-faults", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Inject no further faults; a restart in progress is finished.

        :raises Exception: the error of a restart that failed.
        """
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    @property
    def missing(self) -> list[str]:
        """Return the kinds of faults that were not injected yet."""
        return sorted(set(self._faults) - set(self.injected))

    def _run(self) -> None:
        try:
            while not self._stopped.wait(FAULT_INTERVAL):
                # An outage without end, as on a slow machine, would use up all tries of the tasks.
                while not self._stack.airflow.api.is_healthy():
                    if self._stopped.wait(HEALTH_CHECK_INTERVAL):
                        return
                self._inject_next()
        except Exception as error:
            self._error = error

    def _inject_next(self) -> None:
        if not self._order:
            self._order = self._random.sample(sorted(self._faults), k=len(self._faults))
        name = self._order.pop()
        self._faults[name]()
        self.injected.append(name)

    def _kill(self, names: tuple[str, ...]) -> None:
        with self._stack.supervisor.lock:
            self._stack.airflow.processes[self._random.choice(names)].kill()

    def _kill_worker(self) -> None:
        self._kill(WORKERS)

    def _kill_worker_without_tasks(self) -> None:
        with self._stack.supervisor.lock:
            self._stack.airflow.processes[self._random.choice(WORKERS)].kill_without_children()

    def _restart_emulator(self) -> None:
        self.call_hits += calls.hits(self._stack.emulator.api)
        self._stack.restart_emulator()
        calls.inject(self._stack.emulator.api, seeds=[self._seed + len(self.injected)])
