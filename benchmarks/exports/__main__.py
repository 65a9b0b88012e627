"""Measure every contender in every scenario and print a table: ``python -m benchmarks.exports``."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import requests

from benchmarks.exports.contender import CONTENDERS
from benchmarks.exports.scenario import Scenario
from benchmarks.serving import serving

COLUMNS = (
    "scenario",
    "contender",
    "rows",
    "seconds",
    "rows/s",
    "CPU s",
    "MB",
    "requests",
    "x16 is faster by",
)
PATIENCE = 300.0
"""Seconds for one contender in one scenario."""

FAN_OUT_PART = 1000
"""Users that the sequential loop asks for in the fan-out: it needs 50 s for each thousand. Rates compare."""

Measured = dict[str, float]


def scenarios(users: int) -> dict[str, Scenario]:
    """Return what is measured, by name."""
    found = {}
    for milliseconds in (50, 0):
        for size in (1000, 100):
            # Small pages take a sequential loop a minute per 100,000 users: a tenth tells the rate.
            count = users if size == 1000 else users // 10
            scenario = Scenario(what="users", users=count, page_size=size, latency=milliseconds / 1000)
            found[f"users, {milliseconds} ms, pages of {size}"] = scenario
    found["schedules, 50 ms"] = Scenario(what="schedules", users=users // 10, page_size=100, latency=0.05)
    return found


def run(contender: str, scenario: Scenario, port: int) -> Measured:
    """Return what one contender measured, with how many requests the server counted."""
    before = _requests(port)
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(  # noqa: S603 (our own program)
            [
                *(sys.executable, "-m", "benchmarks.exports.contender", contender),
                *(json.dumps(scenario.arguments()), str(port), str(Path(home, "rows.jsonl"))),
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={"AIRFLOW_HOME": home, "PATH": "", "PYTHONPATH": ".", "HOME": home},
        )
    if done.returncode:
        raise SystemExit(f"{contender} failed in {scenario}:\n{done.stderr[-3000:]}")
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return {**measured, "requests": _requests(port) - before, "rows": scenario.rows}


def _requests(port: int) -> int:
    counted: int = requests.get(f"http://127.0.0.1:{port}/stats", timeout=10).json()["requests"]
    return counted


def measure(scenario: Scenario, rounds: int) -> dict[str, Measured]:
    """Return each contender's medians; the rounds are interleaved, so that all suffer the same weather."""
    found: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    is_fan_out = scenario.what == "schedules"
    with serving("benchmarks.exports.server", json.dumps(scenario.arguments())) as port:
        for _ in range(rounds):
            for name, measures in found.items():
                part = scenario
                if is_fan_out and name in ("HttpOperator", "aiohttp x16"):
                    continue
                if is_fan_out and name == "requests":
                    part = Scenario(**{**scenario.arguments(), "users": min(FAN_OUT_PART, scenario.users)})
                measures.append(run(name, part, port))
    return {
        name: {key: statistics.median(one[key] for one in measures) for key in measures[0]}
        for name, measures in found.items()
        if measures
    }


def lines(name: str, measured: dict[str, Measured]) -> list[str]:
    """Return a scenario's lines of the table. The last column compares rows a second."""
    rates = {contender: of["rows"] / of["seconds"] for contender, of in measured.items()}
    ours = rates["damstra x16"]
    return [
        f"| {name} | {contender} | {of['rows']:.0f} | {of['seconds']:.2f} | {rates[contender]:,.0f} "
        f"| {of['cpu']:.2f} | {of['memory']:.0f} | {of['requests']:.0f} | {ours / rates[contender]:.1f} |"
        for contender, of in measured.items()
    ]


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--scenario", default="", help="scenarios whose name contains this")
    given = parser.parse_args()
    print(f"Medians of {given.rounds}; load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for name, scenario in scenarios(given.users).items():
        if given.scenario in name:
            print("\n".join(lines(name, measure(scenario, given.rounds))), flush=True)


if __name__ == "__main__":
    main()
