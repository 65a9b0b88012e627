"""A lock against a second start that would delete the files of a running demonstration."""

from __future__ import annotations

import contextlib
import fcntl
from typing import TYPE_CHECKING

from demo.waiting import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class AlreadyRunningError(DemoError):
    """Another process runs the demonstration in the same folder."""


class RunLock:
    """An exclusive lock on a file, which contains the address of the Airflow that its holder runs.

    The kernel releases the lock when the process ends, however it ends. The file stays.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock until the block ends.

        :raises AlreadyRunningError: if another process holds it, with the address of its Airflow.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(self._description()) from None
            # the address of an earlier holder
            file.truncate(0)
            yield

    def set_url(self, url: str) -> None:
        """Write the address of the holder's Airflow."""
        self.file.write_text(url, encoding="utf-8")

    def _description(self) -> str:
        """Return where the holder runs; it has no address yet right after its start."""
        url = self.file.read_text(encoding="utf-8")
        return f"already running at {url}" if url else "already running, and starting up"
