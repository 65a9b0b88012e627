"""Helpers of all contenders: direct connections to the benchmark's server, and read the process's memory."""

from __future__ import annotations

import json
import logging
import os
import resource
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ACCESS_KEY = "0f8fad5bd9cb469fa16570867728950e"
"""As long as keys are: each response is searched for it."""


def connect(port: int, **extra: Any) -> None:
    """Let the default connections of this provider and of HTTP lead to the benchmark's server, in silence."""
    address = f"http://127.0.0.1:{port}"
    damstra = {
        "conn_type": "damstra",
        "host": address,
        "password": ACCESS_KEY,
        "extra": extra,
    }
    os.environ["AIRFLOW_CONN_DAMSTRA_DEFAULT"] = json.dumps(damstra)
    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": address})
    logging.disable(logging.INFO)


def peak_memory() -> float:
    """Return the peak of the process's memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cost(work: Callable[[], int], *, rows: int) -> dict[str, float]:
    """Return what it cost to do a work that counts its rows: seconds, CPU seconds, MB over what was there.

    :raises ValueError: if rows are missing, or came twice.
    """
    memory, cpu, begin = peak_memory(), time.process_time(), time.perf_counter()
    count = work()
    seconds = time.perf_counter() - begin
    if count != rows:
        raise ValueError(f"{count} rows came of {rows}")
    return {"seconds": seconds, "cpu": time.process_time() - cpu, "memory": peak_memory() - memory}
