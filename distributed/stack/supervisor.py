"""Restarts processes that have ended, as systemd or Kubernetes does."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from demo.processes import ManagedProcess

INTERVAL = 1.0
"""Seconds between two looks at the processes."""


class Supervisor:
    """A thread that starts each process again when it has ended.

    ``restarts`` counts the restarts of each process. While ``lock`` is held, it restarts none.
    """

    def __init__(self, processes: Mapping[str, ManagedProcess]) -> None:
        self.restarts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self._processes = processes
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start to watch the processes, which are running."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and leave the processes as they are."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            with self.lock:
                for name, process in self._processes.items():
                    if not process.is_running:
                        self.restarts[name] += 1
                        process.start()
