"""Measure every contender and print a table: ``python -m benchmarks.to_sql``.

Each loads all users twice in one process: into an empty database, and then again when nothing has changed.
The memory of the second load is what it needs beyond the first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.exports.scenario import Scenario
from benchmarks.serving import serving
from benchmarks.to_sql.contender import CONTENDERS
from tests.postgresql import running_postgresql

if TYPE_CHECKING:
    from tests.postgresql import PostgreSQL

COLUMNS = ("contender", "load", "rows", "seconds", "rows/s", "CPU s", "MB")
PATIENCE = 300.0
"""Seconds for one contender."""

LOADS = ("first", "nothing new")
Measured = dict[str, float]


def run(contender: str, scenario: Scenario, port: int, server: PostgreSQL) -> list[Measured]:
    """Return what one contender measured, on empty databases."""
    with tempfile.TemporaryDirectory() as home, server.new_database() as database:
        connections = {
            "AIRFLOW_CONN_POSTGRES_DEFAULT": server.connection_fields(database),
            "AIRFLOW_CONN_SQLITE_DEFAULT": {"conn_type": "sqlite", "host": str(Path(home, "warehouse.db"))},
        }
        done = subprocess.run(  # noqa: S603 (our own program)
            [
                *(sys.executable, "-m", "benchmarks.to_sql.contender", contender),
                *(json.dumps(scenario.arguments()), str(port)),
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={
                "AIRFLOW_HOME": home,
                "PATH": "",
                "PYTHONPATH": ".",
                "HOME": home,
                **{name: json.dumps(fields) for name, fields in connections.items()},
            },
        )
    if done.returncode:
        raise SystemExit(f"{contender} failed:\n{done.stderr[-3000:]}")
    measured: list[Measured] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(scenario: Scenario, rounds: int) -> dict[str, list[Measured]]:
    """Return each contender's medians for both loads; the rounds are interleaved."""
    found: dict[str, list[list[Measured]]] = {name: [] for name in CONTENDERS}
    with (
        serving("benchmarks.exports.server", json.dumps(scenario.arguments())) as port,
        running_postgresql(settings=("shared_buffers=128MB",)) as server,
    ):
        for _ in range(rounds):
            for name, measures in found.items():
                measures.append(run(name, scenario, port, server))
    return {
        name: [
            {key: statistics.median(one[key] for one in load) for key in load[0]}
            for load in zip(*measures, strict=True)
        ]
        for name, measures in found.items()
    }


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=100_000)
    given = parser.parse_args()
    scenario = Scenario(what="users", users=given.users, page_size=1000, latency=0)
    print(f"Medians of {given.rounds}; load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for name, loads in measure(scenario, given.rounds).items():
        for load, of in zip(LOADS, loads, strict=True):
            print(
                f"| {name} | {load} | {scenario.rows} | {of['seconds']:.2f} "
                f"| {scenario.rows / of['seconds']:,.0f} | {of['cpu']:.2f} | {of['memory']:.0f} |"
            )


if __name__ == "__main__":
    main()
