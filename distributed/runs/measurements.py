"""Memory of the stack's processes, lag of the triggerers, and rates of requests."""

from __future__ import annotations

import contextlib
import statistics
import threading
from collections import Counter
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from demo.processes import ManagedProcess

MEGABYTE = 1_000_000


class Memory:
    """A thread that records the peak of each component's memory, including its children.

    It is the proportional set size: memory that several processes share is divided among them.
    """

    def __init__(self, processes: Mapping[str, ManagedProcess], *, interval: float = 5.0) -> None:
        self._processes = processes
        self._interval = interval
        self._peaks: Counter[str] = Counter()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def start(self) -> None:
        """Start to measure."""
        self._thread.start()

    def stop(self) -> None:
        """Stop measuring."""
        self._stopped.set()
        self._thread.join()

    def peaks(self) -> dict[str, str]:
        """Return the peaks by component, as text in MB."""
        return {name: f"{peak / MEGABYTE:.0f} MB" for name, peak in self._peaks.items()}

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            for name, process in self._processes.items():
                self._peaks[name] = max(self._peaks[name], sum(map(_memory_of, process.members())))


def _memory_of(pid: int) -> int:
    with contextlib.suppress(psutil.Error, FileNotFoundError):
        return int(psutil.Process(pid).memory_full_info().pss)
    return 0


def percentile_of_lags(folder: Path) -> str:
    """Return the 99th percentile and the maximum of the lags that triggers have written, by process."""
    texts = []
    for file in sorted(folder.glob("*.txt")):
        lags = [float(line) for line in file.read_text().split()]
        p99 = statistics.quantiles(lags, n=100)[98]
        texts.append(f"{p99:.0f} ms (max {max(lags):.0f}, {len(lags)} samples)")
    return "; ".join(texts) or "not measured"


def highest_rate(times: Sequence[float], *, window: float) -> float:
    """Return the highest number of requests per second within a window.

    :param times: of the requests, in seconds, ascending.
    :param window: seconds.
    """
    highest, first = 0, 0
    for last, time in enumerate(times):
        while times[first] <= time - window:
            first += 1
        highest = max(highest, last - first + 1)
    return highest / window
