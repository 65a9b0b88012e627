"""A worker process that runs one case, and can be killed at any time."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.emulator.api_client import call_control_plane
from tests.operators.all_cases import CASES
from tests.operators.faults import inject_fault
from tests.operators.task_runner import run
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.operator_case import OperatorCase

DELAY: dict[str, Any] = {"kind": "delay", "delay": 0.25}

# Its server imports Airflow once and forks a process in which nothing else runs.
PROCESS_CONTEXT = get_context("forkserver")
PROCESS_CONTEXT.set_forkserver_preload([__name__])


def work(name: str, folder: str, connection: str, options: dict[str, bool]) -> None:
    """Run one try of the case of a name; the target of the process."""
    os.environ["AIRFLOW_CONN_DAMSTRA_DEFAULT"] = connection
    case = next(one for one in CASES if str(one) == name)
    operator = case.create_operator(Path(folder), **options)
    # As Airflow's task runner does.
    signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    run(operator)


class WorkerProcess:
    """A process that runs one try."""

    def __init__(self, case: OperatorCase, folder: Path, connection: str, **options: bool) -> None:
        arguments = (str(case), str(folder), connection, options)
        self._process = PROCESS_CONTEXT.Process(target=work, args=arguments)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the process, and kill it at the end."""
        self._process.start()
        try:
            yield
        finally:
            self._process.kill()
            self._process.join(10)

    def freeze(self) -> None:
        """Stop the process, so that it does not even read a response."""
        os.kill(self._process.pid or 0, signal.SIGSTOP)

    def terminate(self) -> int | None:
        """Send SIGTERM, as Airflow does first, and return the exit code."""
        self._process.terminate()
        os.kill(self._process.pid or 0, signal.SIGCONT)
        wait_until(lambda: self._process.exitcode is not None, "the worker has ended")
        return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()
        wait_until(lambda: self._process.exitcode is not None, "the worker has ended")
        assert self._process.exitcode == -signal.SIGKILL


@contextmanager
def freeze_during(
    emulator: DamstraEmulator, worker: WorkerProcess, *, method: str, path: str, number: int = 1
) -> Iterator[None]:
    """Run a worker, and freeze it between the handling of a request and its response."""

    def is_request_sent() -> bool:
        (fault,) = call_control_plane(emulator, "GET", "/faults").json()
        return bool(fault["hits"])

    inject_fault(emulator, DELAY, method=method, path=path, number=number)
    with worker.running():
        wait_until(is_request_sent, "the request is sent")
        before = len(emulator.journal(method=method, path=path))
        worker.freeze()
        wait_until(lambda: len(emulator.journal(method=method, path=path)) > before, "the request is handled")
        emulator.clear_faults()
        yield
