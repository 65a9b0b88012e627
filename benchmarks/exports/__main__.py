"""Measure every contender in every scenario and print a table: ``python -m benchmarks.exports``."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

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
    "x16 faster by",
    "x32 faster by",
)
RUN_TIMEOUT = 900.0
"""Seconds for one run of one contender."""

TIME_LIMIT = 900.0
"""Seconds after which only the first round of a scenario is started."""

SEQUENTIAL_USERS = 1000
"""Users whose schedules the sequential loop reads: it takes 50 s for them. Rates are compared."""

OURS = ("damstra x16", "damstra x32")
FLOORS = ("floor x16", "floor x32")
PEERS = ("requests", "aiohttp x16", "HttpOperator", "dlt")

Measurement = dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """A scenario, the contenders that run it, and the maximum number of rounds."""

    scenario: Scenario
    contenders: tuple[str, ...]
    rounds: int = 1000


def comparisons(users: int) -> dict[str, Comparison]:
    """Return what is measured, by name."""
    found = {}
    for milliseconds in (50, 0):
        for size in (1000, 100):
            # Sequential loops take a minute for 100,000 users in small pages: a tenth is enough for the rate.
            count = users if size == 1000 else users // 10
            scenario = Scenario(what="users", users=count, page_size=size, latency=milliseconds / 1000)
            found[f"users, {milliseconds} ms, pages of {size}"] = Comparison(
                scenario, (*FLOORS, *OURS, *PEERS)
            )
    models = Scenario(what="users", users=users, page_size=1000, latency=0, rows_as="models")
    found["models, 0 ms, pages of 1000"] = Comparison(models, ("slices", *OURS, *PEERS))
    schedules = Scenario(what="schedules", users=users // 10, page_size=100, latency=0.05)
    found["schedules, 50 ms"] = Comparison(schedules, (*FLOORS, *OURS, "requests"), rounds=1)
    tenfold = Scenario(what="users", users=users * 10, page_size=1000, latency=0)
    found["ten times the users, 0 ms, pages of 1000"] = Comparison(tenfold, OURS, rounds=1)
    return found


def run(contender: str, scenario: Scenario, port: int) -> Measurement:
    """Run one contender and return its measurement."""
    measured = run_contender("benchmarks.exports.contender", contender, scenario, port)
    return {**measured, "rows": scenario.rows}


class SupportsArguments(Protocol):
    """A scenario that another process can create, too."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments with which it is created."""


def run_contender(
    module: str, contender: str, scenario: SupportsArguments, port: int, *, timeout: float = RUN_TIMEOUT
) -> Measurement:
    """Run one contender in a subprocess and return its measurement, with the server's count of requests.

    :param module: the program that runs it.
    :param timeout: seconds.
    """
    before = _requests(port)
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(  # noqa: S603 (our own program)
            [
                *(sys.executable, "-m", module, contender),
                *(json.dumps(scenario.arguments()), str(port), str(Path(home, "rows.jsonl"))),
            ],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={"AIRFLOW_HOME": home, "PATH": "", "PYTHONPATH": ".", "HOME": home},
        )
    if done.returncode:
        raise SystemExit(f"{contender} failed in {scenario}:\n{done.stderr[-3000:]}")
    measured: Measurement = json.loads(done.stdout.splitlines()[-1])
    return {**measured, "requests": _requests(port) - before}


def _requests(port: int) -> int:
    counted: int = requests.get(f"http://127.0.0.1:{port}/stats", timeout=10).json()["requests"]
    return counted


def measure(comparison: Comparison, rounds: int, *, until: float) -> dict[str, Measurement]:
    """Return each contender's medians; rounds are interleaved, so that all run under the same load."""
    scenario = comparison.scenario
    found: dict[str, list[Measurement]] = {name: [] for name in comparison.contenders}
    with serving("benchmarks.exports.server", json.dumps(scenario.arguments())) as port:
        for number in range(min(rounds, comparison.rounds)):
            if number and time.monotonic() > until:
                break
            for name, measures in found.items():
                measures.append(run(name, _scenario_for(name, scenario), port))
    return {
        name: {key: statistics.median(one[key] for one in measures) for key in measures[0]}
        for name, measures in found.items()
    }


def _scenario_for(contender: str, scenario: Scenario) -> Scenario:
    if scenario.what == "schedules" and contender == "requests":
        return Scenario(**{**scenario.arguments(), "users": min(SEQUENTIAL_USERS, scenario.users)})
    return scenario


def lines(name: str, measured: dict[str, Measurement]) -> list[str]:
    """Return a scenario's lines of the table. The last columns are ratios of rows per second."""
    rates = {contender: of["rows"] / of["seconds"] for contender, of in measured.items()}
    return [
        f"| {name} | {contender} | {of['rows']:.0f} | {of['seconds']:.2f} | {rates[contender]:,.0f} "
        f"| {of['cpu']:.2f} | {of['memory']:.0f} | {of['requests']:.0f} "
        f"| {' | '.join(f'{rates[ours] / rates[contender]:.2f}' for ours in OURS)} |"
        for contender, of in measured.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--scenario", default="", help="scenarios whose name contains this")
    parser.add_argument("--contender", choices=CONTENDERS, action="append", help="only these besides ours")
    given = parser.parse_args()
    until = time.monotonic() + TIME_LIMIT
    print(f"Medians of {given.rounds}; load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for name, comparison in comparisons(given.users).items():
        if given.scenario in name:
            chosen = {*OURS, *(given.contender or comparison.contenders)}
            contenders = tuple(one for one in comparison.contenders if one in chosen)
            some = replace(comparison, contenders=contenders)
            print("\n".join(lines(name, measure(some, given.rounds, until=until))), flush=True)


if __name__ == "__main__":
    main()
