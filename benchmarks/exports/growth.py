"""Measure exports of few and of many rows: ``python -m benchmarks.exports.growth``.

A listing of users, once and in two DAG runs of an incremental export, and the lesson schedules of users,
beside the floor, which reads the same pages from raw sockets. Growth is by row: 1.00 is linear. Memory is
the peak over that of the process before. What is kept is the checkpoint, or the state for the next DAG run.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

from benchmarks.exports.__main__ import run_contender
from benchmarks.exports.scenario import Scenario
from benchmarks.serving import serving

if TYPE_CHECKING:
    from benchmarks.exports.__main__ import Measurement

CONTENDERS = {
    "users": ("floor", "damstra", "damstra, incremental"),
    "schedules": ("floor", "damstra"),
}
COLUMNS = (
    "export",
    "contender",
    "users",
    "rows",
    "seconds",
    "CPU s",
    "MB",
    "kept MB",
    "growth of CPU",
    "of memory",
)


def scenarios(what: str, users: int, factor: int) -> list[Scenario]:
    """Return the scenarios with few and with many users."""
    size = 1000 if what == "users" else 100
    return [Scenario(what=what, users=count, page_size=size, latency=0) for count in (users, users * factor)]


def line(name: str, of: Measurement, first: Measurement, scenario: Scenario) -> str:
    """Return a contender's line of the table.

    :param first: what the same contender measured with the fewest users.
    """
    growth = (of["cpu"] / of["rows"]) / (first["cpu"] / first["rows"])
    cells = (
        *(scenario.what, name, f"{scenario.users}", f"{of['rows']:.0f}", f"{of['seconds']:.1f}"),
        *(f"{of['cpu']:.1f}", f"{of['memory']:.0f}", f"{of.get('kept', 0):.1f}"),
        *(f"{growth:.2f}", f"{of['memory'] / max(first['memory'], 1):.2f}"),
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=5_000, help="users whose lesson schedules are exported")
    parser.add_argument("--factor", type=int, default=10, help="how many times as many there are at the end")
    parser.add_argument("--export", choices=CONTENDERS, action="append", help="only these")
    given = parser.parse_args()
    print(f"Load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for what in given.export or CONTENDERS:
        users = given.users if what == "users" else given.people
        first: dict[str, Measurement] = {}
        for scenario in scenarios(what, users, given.factor):
            with serving("benchmarks.exports.server", json.dumps(scenario.arguments())) as port:
                for name in CONTENDERS[what]:
                    of = run_contender("benchmarks.exports.growth_contender", name, scenario, port)
                    of["rows"] = scenario.rows
                    print(line(name, of, first.setdefault(name, of), scenario), flush=True)


if __name__ == "__main__":
    main()
