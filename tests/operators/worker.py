"""A worker process that runs one case, and can be killed at any moment."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.clock import until
from tests.operators.catalogue import CASES
from tests.operators.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.operators.case import Case

# Its server imports Airflow once and forks a process in which nothing else runs.
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def work(name: str, folder: str, connection: str) -> None:
    """Run one attempt of the case of this name: what the process does."""
    os.environ["AIRFLOW_CONN_DAMSTRA_DEFAULT"] = connection
    case = next(one for one in CASES if str(one) == name)
    run(case.make(Path(folder)))


class Worker:
    """A process that runs one attempt."""

    def __init__(self, case: Case, folder: Path, connection: str) -> None:
        self._process = _PROCESSES.Process(target=work, args=(str(case), str(folder), connection))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run, and leave no process behind."""
        self._process.start()
        try:
            yield
        finally:
            self._process.kill()
            self._process.join(10)

    def freeze(self) -> None:
        """Let it do nothing more, not even read an answer."""
        os.kill(self._process.pid or 0, signal.SIGSTOP)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        until(lambda: self._process.exitcode is not None, "the worker is gone")
        assert self._process.exitcode == -signal.SIGKILL
