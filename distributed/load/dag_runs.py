"""DAG runs of a stack whose components may be killed at any time."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import requests

from demo.waiting import DemoTimeoutError, wait_until
from distributed.load.metadata import FINAL_STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distributed.stack.stack import Stack

TRIGGER_TIMEOUT = 120.0


def trigger(stack: Stack, dag_id: str, conf: Mapping[str, object]) -> str:
    """Start a DAG run, when the API server responds, and return its id."""
    run_id = f"{dag_id}__{secrets.token_hex(4)}"

    def is_triggered() -> bool:
        try:
            stack.airflow.api.trigger(dag_id, conf, run_id=run_id)
        except requests.RequestException:
            # A lost response is no reason for a second run.
            return stack.metadata.run_state(dag_id, run_id) is not None
        return True

    wait_until(is_triggered, description=f"a new run of {dag_id}", timeout=TRIGGER_TIMEOUT)
    return run_id


def finish(stack: Stack, dag_id: str, run_id: str, *, timeout: float) -> str:
    """Wait until a DAG run is finished or the time is over, and return its state."""

    def final_state() -> str | None:
        state = stack.metadata.run_state(dag_id, run_id)
        return state if state in FINAL_STATES else None

    try:
        return wait_until(final_state, description=f"the end of {dag_id}", timeout=timeout, interval=1.0)
    except DemoTimeoutError:
        return f"unfinished after {timeout:g} s"
