"""Measure both triggers and print a table: ``python -m benchmarks.waits``."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import requests

from benchmarks.serving import serving
from benchmarks.waits.scenario import Scenario

COLUMNS = (
    "contender",
    "interval s",
    "waits",
    "requests",
    "CPU s",
    "lag ms",
    "lag ms without full collections",
    "full collections ms",
    "p50 s",
    "p99 s",
    "MB",
    "MB per 1,000 waits",
    "sockets",
)

TIMEOUT = 900.0
"""Seconds for one contender."""

LEAD = 8.0
"""Seconds in which a contender imports Airflow and starts its triggers, until schedules are completed."""


def run(module: str, contender: str, *, lead: float = LEAD, **sizes: Any) -> dict[str, Any]:
    """Run a module's contender, and return its measurements and the server's counts."""
    scenario = Scenario(start=time.time() + lead, **sizes)
    arguments = json.dumps(scenario.arguments())
    with tempfile.TemporaryDirectory() as home, serving("benchmarks.waits.server", arguments) as port:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", module, contender, arguments, str(port)],
            check=True,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            env={"AIRFLOW_HOME": home, "PATH": "", "PYTHONPATH": "."},
        )
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        counted: dict[str, Any] = requests.get(f"http://127.0.0.1:{port}/stats", timeout=10).json()
    return {"contender": contender, "interval": scenario.interval, **measured, **counted}


def row(result: dict[str, Any]) -> str:
    """Return one line of the table."""
    delays = result["delays"]
    percentiles = statistics.quantiles(delays, n=100)
    cells = (
        result["contender"],
        f"{result['interval']:g}",
        len(delays),
        result["requests"],
        f"{result['cpu']:.1f}",
        f"{result['lag'] * 1000:.0f}",
        f"{result['lag_without_collections'] * 1000:.0f}",
        ", ".join(f"{pause * 1000:.0f}" for pause in result["collections"]) or "none",
        f"{percentiles[49]:.2f}",
        f"{percentiles[98]:.2f}",
        f"{result['memory']:.0f}",
        f"{result['memory'] / len(delays) * 1000:.1f}",
        result["connections"],
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Run the contenders one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--waits", type=int, default=5000)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    sizes = {"waits": args.waits, "users": args.users, "seconds": args.seconds}
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    results = {}
    for contender, interval in (("damstra", 5.0), ("http_sensor", 5.0), ("damstra", 1.0)):
        results[contender, interval] = run(
            "benchmarks.waits.contender", contender, interval=interval, **sizes
        )
        print(row(results[contender, interval]), flush=True)
    ours, theirs = results["damstra", 5.0], results["http_sensor", 5.0]
    print(
        f"\nAt the same interval: {theirs['requests'] / ours['requests']:.1f} times fewer requests, ", end=""
    )
    print(f"{theirs['cpu'] / ours['cpu']:.1f} times less CPU.")
    print(
        f"A full garbage collection of Airflow's own objects, without triggers, takes "
        f"{ours['collection'] * 1000:.0f} ms. Python starts one when the number of long-lived objects has "
        "grown by a quarter."
    )


if __name__ == "__main__":
    main()
