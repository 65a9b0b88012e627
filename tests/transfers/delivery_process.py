"""A process that delivers completions and is killed at a chosen point."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from airflow_provider_damstra.transfers.completion_delivery import DamstraDeliverCompletionsOperator
from airflow_provider_damstra.transfers.receipts import ReceiptFolder
from tests.operators.task_runner import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.process import BaseProcess

# Its server imports Airflow once and forks a process in which nothing else runs.
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


def deliver(connections: Mapping[str, str], arguments: dict[str, Any], dies_before_receipt: int) -> None:
    """Run one try: the target of the process."""
    os.environ |= {f"AIRFLOW_CONN_{name.upper()}": text for name, text in connections.items()}
    add = ReceiptFolder.add

    def die(folder: ReceiptFolder, schedule_id: int, **facts: Any) -> None:
        if schedule_id == dies_before_receipt:
            os.kill(os.getpid(), signal.SIGKILL)
        add(folder, schedule_id, **facts)

    with patch.object(ReceiptFolder, "add", die):
        run(DamstraDeliverCompletionsOperator(task_id="deliver", **arguments), run_id="one")


@contextmanager
def running_delivery(
    connections: Mapping[str, str], *, dies_before_receipt: int = 0, **arguments: Any
) -> Iterator[BaseProcess]:
    """Deliver in a new process, and kill the process at the end of the block.

    :param dies_before_receipt: id of the completion after whose response the process dies.
    """
    process = _PROCESSES.Process(target=deliver, args=(connections, arguments, dies_before_receipt))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)
