"""Measure every contender and print a table: ``python -m benchmarks.to_sql``.

Each loads all users twice in one process: into an empty database, and then again when nothing has changed.
The memory of the second load is what it needs beyond the first. ``--factor 10`` repeats it with ten times as
many users; the growth is that of the CPU seconds for each row, so 1.00 is linear.
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
    from collections.abc import Collection

    from tests.postgresql import PostgreSQL

COLUMNS = ("contender", "load", "rows", "seconds", "rows/s", "CPU s", "MB", "growth")
RUN_TIMEOUT = 1800.0
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
            timeout=RUN_TIMEOUT,
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


def measure(scenario: Scenario, contenders: Collection[str], rounds: int) -> dict[str, list[Measured]]:
    """Return each contender's medians for both loads; the rounds are interleaved."""
    found: dict[str, list[list[Measured]]] = {name: [] for name in contenders}
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


def lines(name: str, loads: list[Measured], first: list[Measured], *, rows: int, factor: int) -> list[str]:
    """Return a contender's lines of the table.

    :param first: what it measured with fewer rows.
    :param factor: how many times as many rows there are now.
    """
    return [
        f"| {name} | {load} | {rows} | {of['seconds']:.2f} | {rows / of['seconds']:,.0f} | {of['cpu']:.2f} "
        f"| {of['memory']:.0f} | {of['cpu'] / before['cpu'] / factor:.2f} |"
        for load, of, before in zip(LOADS, loads, first, strict=True)
    ]


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--factor", type=int, help="repeat with that many times the users, in one round")
    parser.add_argument("--contender", choices=CONTENDERS, action="append", help="only these")
    given = parser.parse_args()
    print(f"Medians of {given.rounds}; load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    first: dict[str, list[Measured]] = {}
    for factor in (1, *filter(None, (given.factor,))):
        scenario = Scenario(what="users", users=given.users * factor, page_size=1000, latency=0)
        rounds = given.rounds if factor == 1 else 1
        for name, loads in measure(scenario, given.contender or tuple(CONTENDERS), rounds).items():
            before = first.setdefault(name, loads)
            print("\n".join(lines(name, loads, before, rows=scenario.rows, factor=factor)), flush=True)


if __name__ == "__main__":
    main()
