"""A process that exports, and can be killed at any moment."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.transfers.export import DamstraExportOperator
from tests.operators.task_runner import run
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess

# Its server imports Airflow once and forks a process in which nothing else runs.
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def export(connection: str, arguments: dict[str, Any], attempt: tuple[int, int], run_id: str) -> None:
    """Run one attempt: what the process does."""
    os.environ["AIRFLOW_CONN_DAMSTRA_DEFAULT"] = connection
    number, tries = attempt
    operator = DamstraExportOperator(task_id="export", **arguments)
    run(operator, try_number=number, max_tries=tries, run_id=run_id)


@contextmanager
def exporting(
    connection: str, *, attempt: tuple[int, int], run_id: str = "", **arguments: Any
) -> Iterator[BaseProcess]:
    """Export in a process of its own, and leave none behind.

    :param attempt: its number, and how often the task is tried again.
    """
    process = _PROCESSES.Process(target=export, args=(connection, arguments, attempt, run_id))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)


def kill(process: BaseProcess) -> None:
    """End it without a word."""
    process.kill()
    wait_until(lambda: process.exitcode is not None, "the process is gone")
    assert process.exitcode == -signal.SIGKILL


def send(process: BaseProcess, number: signal.Signals) -> None:
    """Send it a signal: to stop where it is, or to go on."""
    assert process.pid
    os.kill(process.pid, number)
