"""Measure every contender in every scenario and print tables: ``python -m benchmarks.exports``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from benchmarks.exports.peers import PEERS
from benchmarks.exports.report import BIG, FAN_OUT, TARGETS, Results, memory_lines, row
from benchmarks.exports.scenario import Scenario
from benchmarks.serving import serving

COLUMNS = ("scenario", "rows", "contender", "seconds", "rows/s", "CPU s", "MB", "requests")
OURS = ("floor x16", "floor x32", "damstra x16", "damstra x32")
SEQUENTIAL_USERS = 1000
"""So many of the fan-out's users are asked for by the sequential loop, which needs 50 s for each thousand."""


def scenarios(users: int) -> dict[str, tuple[Scenario, tuple[str, ...]]]:
    """Return each scenario with its contenders."""
    found = {}
    for what in ("lines", "models"):
        for latency in (0, 50):
            for size in (1000, 100):
                # Small pages take a sequential loop a minute per 100,000 users: a tenth tells the rate.
                count = users if size == 1000 else users // 10
                of = Scenario(what=what, users=count, page_size=size, latency=latency / 1000)
                found[f"{what}, {latency} ms, {size}"] = (of, (*OURS, *PEERS))
    fan_out = Scenario(what="schedules", users=users // 10, page_size=100, latency=0.05)
    found[FAN_OUT] = (fan_out, (*OURS, "requests"))
    big = Scenario(what="lines", users=users * 10, page_size=1000, latency=0)
    found[BIG] = (big, ("damstra x16",))
    return found


def run(contender: str, scenario: Scenario, port: int) -> dict[str, float]:
    """Return what one contender measured, with how many requests the server counted."""
    before = _requests(port)
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(  # noqa: S603
            [
                *(sys.executable, "-m", "benchmarks.exports.contender", contender),
                *(json.dumps(scenario.arguments()), str(port), str(Path(home, "rows.jsonl"))),
            ],
            capture_output=True,
            text=True,
            env={"AIRFLOW_HOME": home, "PATH": "", "PYTHONPATH": ".", "HOME": home},
        )
    if done.returncode:
        raise SystemExit(f"{contender} failed in {scenario}:\n{done.stderr[-3000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**measured, "requests": _requests(port) - before}


def _requests(port: int) -> int:
    counted: int = requests.get(f"http://127.0.0.1:{port}/stats", timeout=10).json()["requests"]
    return counted


def scaled(contender: str, scenario: Scenario, port: int) -> dict[str, float]:
    """Return what one contender measured; the sequential fan-out is measured in part and scaled."""
    most = SEQUENTIAL_USERS
    if scenario.what != "schedules" or contender != "requests" or scenario.users <= most:
        return run(contender, scenario, port)
    part, factor = run(contender, replace(scenario, users=most), port), scenario.users / most
    return {name: value if name == "memory" else value * factor for name, value in part.items()}


def measure(name: str, scenario: Scenario, contenders: tuple[str, ...], rounds: int) -> Results:
    """Return what every round measured, the contenders interleaved; print a line for each contender."""
    results: Results = {}
    with serving("benchmarks.exports.server", json.dumps(scenario.arguments())) as port:
        for number in range(rounds):
            for contender in contenders:
                # The sequential fan-out does nothing but wait: once is enough.
                if number and scenario.what == "schedules" and contender == "requests":
                    continue
                results.setdefault((name, contender), []).append(scaled(contender, scenario, port))
    for (_, contender), measured in results.items():
        label = f"{contender} (scaled)" if name == FAN_OUT and contender == "requests" else contender
        print(row(name, label, measured, scenario.rows), flush=True)
    return results


def _given() -> Any:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the users")
    parser.add_argument("--only", default="", help="contenders whose name begins so")
    parser.add_argument("--scenario", default="", help="scenarios whose name begins so")
    parser.add_argument("--json", type=Path, help="where to write every measure")
    return parser.parse_args()


def main() -> None:
    """Run everything, then say which targets are met."""
    given = _given()
    users, rounds = (given.users // 10, 1) if given.quick else (given.users, given.rounds)
    print(f"{rounds} rounds of {users} users; load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    results: Results = {}
    for name, (scenario, contenders) in scenarios(users).items():
        chosen = tuple(one for one in contenders if one.startswith(given.only))
        if name.startswith(given.scenario) and chosen:
            results |= measure(name, scenario, chosen, rounds)
    print("\n| scenario | what | wanted | measured | |\n|---|---|---|---|---|")
    print("\n".join([*(target.line(results) for target in TARGETS), *memory_lines(results)]))
    if given.json:
        measures = [{"scenario": of[0], "contender": of[1], "rounds": each} for of, each in results.items()]
        given.json.write_text(json.dumps(measures, indent=1))


if __name__ == "__main__":
    main()
