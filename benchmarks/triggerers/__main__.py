"""Measure two triggerers and print a table: ``python -m benchmarks.triggerers``.

A tenth of the tasks end within the measured minute. A user's waits are in both triggerers, so each user is
polled by both: twice per interval is the expected number of requests, once the theoretical minimum.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from benchmarks.serving import serving
from benchmarks.triggerers.cluster import LAG_TRIGGERS, NAMES, Triggerers
from benchmarks.waits.scenario import Scenario
from tests.postgresql import running_postgresql

if TYPE_CHECKING:
    from tests.postgresql import PostgreSQL

CONTENDERS = ("damstra", "DateTimeTrigger")
COLUMNS = (
    "contender",
    "waits",
    "users",
    "requests",
    "per user and poll",
    "runners CPU s",
    "supervisors CPU s",
    "MB",
    "lag p50 ms",
    "lag p99 ms",
    "lag max ms",
    "delay p50 s",
    "delay p99 s",
    "started in s",
)
INTERVAL = 20.0
"""Poll interval in seconds."""

SECONDS = 60.0
"""Length of the measurement in seconds, a multiple of the interval."""

SHARE = 0.1
"""Share of the tasks that end meanwhile."""

LEAD = 90.0
"""Seconds for the start of the triggerers, in addition to those for each wait."""

ADVICE = "Raise --seconds-per-wait: the machine is busy."

DELAYS = """
    SELECT map_index, extract(epoch FROM scheduled_dttm)::float FROM task_instance
    WHERE task_id = 'wait' AND state = 'scheduled'
"""


def run(contender: str, *, waits: int, users: int, seconds_per_wait: float) -> dict[str, Any]:
    """Run one contender, and return its measurements.

    :param seconds_per_wait: time for the insertion and the start of each wait.
    """
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="triggerers-")))
        postgresql = stack.enter_context(running_postgresql())
        capacity = math.ceil((waits + LAG_TRIGGERS) / len(NAMES))
        triggerers = Triggerers(root=root, postgresql=postgresql, capacity=capacity)
        triggerers.create_database()
        start = time.time() + LEAD + seconds_per_wait * waits
        scenario = Scenario(
            waits=waits, users=users, interval=INTERVAL, seconds=SECONDS, start=start, completed_share=SHARE
        )
        port = stack.enter_context(serving("benchmarks.waits.server", json.dumps(scenario.arguments())))
        triggerers.insert_tasks(contender, scenario, server_port=port)
        stack.callback(triggerers.stop)
        started_at = time.time()
        triggerers.start()
        sleep_until(scenario.start)
        return {
            "contender": contender,
            "started": all_started_at(triggerers, waits) - started_at,
            **measure(triggerers, scenario, postgresql, port),
        }


def measure(triggerers: Triggerers, scenario: Scenario, postgresql: PostgreSQL, port: int) -> dict[str, Any]:
    """Return what both triggerers use between the first completion and the last, and the events' delays."""
    before, requests_before = triggerers.usage(), request_count(port)
    sleep_until(scenario.start + scenario.seconds)
    after, requests_after = triggerers.usage(), request_count(port)
    lags = lags_between(triggerers, scenario.start, scenario.start + scenario.seconds)
    return {
        "waits": scenario.waits,
        "users": scenario.users,
        "requests": requests_after - requests_before,
        "runners_cpu": after.runners_cpu - before.runners_cpu,
        "supervisors_cpu": after.supervisors_cpu - before.supervisors_cpu,
        "memory": after.memory,
        "lags": lags,
        "delays": delays(postgresql, scenario),
    }


def sleep_until(at: float) -> None:
    """Sleep until a time in seconds since the epoch.

    :raises TimeoutError: if it has passed.
    """
    if at <= time.time():
        raise TimeoutError(f"The tasks were inserted too late. {ADVICE}")
    threading.Event().wait(at - time.time())


def request_count(port: int) -> int:
    """Return the number of requests that the server has received."""
    count: int = requests.get(f"http://127.0.0.1:{port}/stats", timeout=30).json()["requests"]
    return count


def lags_between(triggerers: Triggerers, start: float, end: float) -> list[float]:
    """Return the lags of both event loops in a period, in seconds."""
    return sorted(
        lag
        for _, sample in triggerers.samples_by_time()
        if start < sample["at"] < end
        for lag in sample["lags"]
    )


def all_started_at(triggerers: Triggerers, waits: int) -> float:
    """Return the time at which all triggers were running.

    :raises TimeoutError: if they are not.
    """
    running: dict[str, int] = {}
    for process, sample in triggerers.samples_by_time():
        running[process] = sample["tasks"]
        if sum(running.values()) > waits and len(running) == len(NAMES):
            return float(sample["at"])
    raise TimeoutError(f"Only {sum(running.values())} of {waits} triggers are running. {ADVICE}")


def delays(postgresql: PostgreSQL, scenario: Scenario) -> list[float]:
    """Return the seconds from each completion until the database contains its event, when all are there.

    :raises TimeoutError: if events are missing after three intervals.
    """
    expected = sum(map(math.isfinite, scenario.completed_at))
    deadline = time.time() + 3 * scenario.interval
    with postgresql.connected() as database:
        while len(found := database.execute(DELAYS).fetchall()) < expected:
            if time.time() > deadline:
                raise TimeoutError(f"{len(found)} of {expected} events are in the database.")
            threading.Event().wait(1)
    return sorted(at - scenario.completed_at[schedule - 1] for schedule, at in found)


def row(result: dict[str, Any]) -> str:
    """Return one line of the table."""
    lags, waits = statistics.quantiles(result["lags"], n=100), statistics.quantiles(result["delays"], n=100)
    polls = SECONDS / INTERVAL
    cells = (
        result["contender"],
        result["waits"],
        result["users"],
        result["requests"],
        f"{result['requests'] / result['users'] / polls:.2f}",
        f"{result['runners_cpu']:.1f}",
        f"{result['supervisors_cpu']:.1f}",
        f"{result['memory']:.0f}",
        f"{lags[49] * 1000:.0f}",
        f"{lags[98] * 1000:.0f}",
        f"{result['lags'][-1] * 1000:.0f}",
        f"{waits[49]:.1f}",
        f"{waits[98]:.1f}",
        f"{result['started']:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Run the contenders one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, action="append", help="default 200 and 2,000")
    parser.add_argument("--contender", choices=CONTENDERS, action="append", help="default both")
    parser.add_argument(
        "--seconds-per-wait", type=float, default=0.012, help="raise it if the triggers start too late"
    )
    given = parser.parse_args()
    print(f"Load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for contender in given.contender or CONTENDERS:
        for users in given.users or (200, 2_000):
            result = run(contender, waits=10 * users, users=users, seconds_per_wait=given.seconds_per_wait)
            print(row(result), flush=True)


if __name__ == "__main__":
    main()
