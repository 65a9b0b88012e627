"""Output of the demonstration to the terminal."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = {
    "success": "32",
    "failed": "31",
    "upstream_failed": "31",
    "deferred": "35",
    "running": "36",
    "up_for_retry": "33",
    "up_for_reschedule": "33",
    "skipped": "33",
}


class Terminal:
    """Print lines with the time since the start; in colour if the output is a terminal."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._colours = sys.stdout.isatty()

    def note(self, text: str) -> None:
        """Print a step of the demonstration."""
        self._line(self._paint(text, "1"))

    def event(self, text: str) -> None:
        """Print an action of a trainee."""
        self._line(f"{'trainee':>18}  {self._paint(text, '34')}")

    def task(self, name: str, state: str) -> None:
        """Print a task's new state."""
        self._line(f"{self._paint(f'{state:>18}', COLOURS.get(state, '0'))}  {name}")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows in aligned columns."""
        widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
        for row in [headings, ["-" * width for width in widths], *rows]:
            self._print(
                "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            )

    def block(self, text: str) -> None:
        """Print a string unchanged."""
        self._print(text)

    def _line(self, text: str) -> None:
        self._print(f"{time.monotonic() - self._started:6.1f} s  {text}")

    def _print(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colours else text
