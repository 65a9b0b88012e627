"""A process that runs an export and can be killed at any time."""

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

    from airflow_provider_damstra.operators.base import DamstraOperator

# Its server imports Airflow once and forks a process in which nothing else runs.
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def export(
    connection: str,
    kind: type[DamstraOperator],
    arguments: dict[str, Any],
    task_try: tuple[int, int],
    run_id: str,
) -> None:
    """Run one try: the target of the process."""
    os.environ["AIRFLOW_CONN_DAMSTRA_DEFAULT"] = connection
    number, max_tries = task_try
    operator = kind(task_id="export", **arguments)
    # As Airflow's task runner does.
    signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    run(operator, try_number=number, max_tries=max_tries, run_id=run_id)


@contextmanager
def running_export(
    connection: str,
    *,
    task_try: tuple[int, int],
    run_id: str = "",
    kind: type[DamstraOperator] = DamstraExportOperator,
    **arguments: Any,
) -> Iterator[BaseProcess]:
    """Run an export in a new process, and kill the process at the end of the block.

    :param task_try: the try number and ``max_tries``.
    :param kind: class of the operator.
    """
    process = _PROCESSES.Process(target=export, args=(connection, kind, arguments, task_try, run_id))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)


def kill(process: BaseProcess) -> None:
    """Kill a process and wait until it has ended."""
    process.kill()
    wait_until(lambda: process.exitcode is not None, "the process has ended")
    assert process.exitcode == -signal.SIGKILL


def send_signal(process: BaseProcess, number: signal.Signals) -> None:
    """Send a signal to a process."""
    assert process.pid
    os.kill(process.pid, number)
