"""Counter of the threads and tasks that are in a section concurrently."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class ConcurrencyCounter:
    """Count threads and tasks in a section: now, at the peak, and in total."""

    current: int = 0
    peak: int = 0
    total: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count this thread or task while it is in the section."""
        with self._lock:
            self.current += 1
            self.total += 1
            self.peak = max(self.peak, self.current)
        try:
            yield
        finally:
            with self._lock:
                self.current -= 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Count this thread, and block it until the gate is open."""
        with self.counted():
            assert self.gate.wait(10)
            yield
