"""A pool that includes deferred tasks, and a rate for each process, keep the rate of the whole fleet."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from demo.waiting import wait_until
from distributed.faults.proxy import Proxy
from distributed.load.dag_runs import finish, trigger
from distributed.runs.measurements import highest_rate
from distributed.runs.result import RunResult
from tests.emulator.api_client import ApiClient

if TYPE_CHECKING:
    from distributed.stack.stack import Stack

DAG_ID = "rate_budget"
CONN_ID = POOL = "damstra_budget"
SLOTS = 4
RATE = 2.0
"""Requests per second of each process."""

BUDGET = SLOTS * RATE
BURST = SLOTS
"""Requests that new processes may send at once, one for each slot."""

WINDOW = 5.0
TASKS, REQUESTS, WAITS = 8, 12, 4
TIMEOUT = 300.0
MANUAL_HANDLING = 2005


def run(stack: Stack) -> RunResult:
    """Send many requests through the pool, and compare their rate with the budget."""
    times: list[float] = []
    # A proxy of its own: other tasks and events use the emulator too.
    proxy = Proxy(upstream=stack.emulator.url)
    proxy.observers.append(lambda _: times.append(time.monotonic()))
    proxy.start()
    try:
        state = _run_dag(stack, proxy.url)
    finally:
        proxy.stop()
    highest = highest_rate(times, window=WINDOW)
    result = RunResult(title=f"Budget: {SLOTS} slots with deferred tasks, {RATE:g} requests per second each")
    result.facts = {
        "budget": f"{BUDGET:g} requests per second",
        "requests": f"{len(times)} in {times[-1] - times[0]:.0f} s",
        f"highest rate in {WINDOW:g} s": f"{highest:.1f} per second",
    }
    if state != "success":
        result.findings.append(f"the DAG run is {state}")
    if highest > BUDGET + BURST / WINDOW:
        result.findings.append(f"{highest:.1f} requests per second exceed the budget of {BUDGET:g}")
    return result


def _run_dag(stack: Stack, url: str) -> str | None:
    """Create pool and connection, run the DAG, and return its state."""
    api = stack.airflow.api
    api.post("/pools", {"name": POOL, "slots": SLOTS, "include_deferred": True})
    fields = stack.damstra_connection() | {"connection_id": CONN_ID, "host": url}
    extra = json.loads(fields["extra"]) | {"requests_per_second": RATE}
    api.post("/connections", {**fields, "extra": json.dumps(extra)})
    waits = _schedule(stack)
    run_id = trigger(stack, DAG_ID, {"calls": [[1001] * REQUESTS] * TASKS, "waits": waits})
    wait_until(
        lambda: stack.metadata.tasks(DAG_ID, run_id)["deferred"],
        description="a deferred task in the pool",
        timeout=TIMEOUT,
    )
    for schedule_id in waits:
        stack.emulator.api.complete(schedule_id)
    return finish(stack, DAG_ID, run_id, timeout=TIMEOUT)


def _schedule(stack: Stack) -> list[int]:
    """Schedule some users for a lesson and return the ids of the schedules."""
    client = ApiClient(stack.emulator.url, stack.emulator.access_key)
    users = range(1001, 1001 + WAITS)
    schedules = [client.schedule(user_id, MANUAL_HANDLING) for user_id in users]
    client.close()
    return schedules
