"""Measure operators for 5,000 and 50,000 people: ``python -m benchmarks.people``.

The floor sends the requests of the operator again from raw sockets, without parsing the responses; the loop
with requests sends them one after the other and parses them. Neither decides what to send. The server
responds at once, so that CPU time decides. Columns with a multiplication sign are the growth from the smaller
number of people to the larger one, without the memory of an idle process.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import requests

from benchmarks.exports.__main__ import Measurement, run_contender
from benchmarks.people.contender import CONTENDERS
from benchmarks.people.operators import OPERATORS
from benchmarks.people.scenario import Scenario
from benchmarks.serving import serving

COLUMNS = (
    *("task", "people", "contender", "seconds", "CPU s", "MB", "requests"),
    *("state kB", "XCom kB", "file MB", "seconds \u00d7", "CPU \u00d7", "MB \u00d7"),
)
RUN_TIMEOUT = 600.0
"""Seconds for one run of one contender."""

GROWTH = 10
SMALLEST_GROWING_MB = 5
"""Memory below which its growth is not meaningful."""


def measure(task: str, people: int, contenders: tuple[str, ...] = CONTENDERS) -> dict[str, Measurement]:
    """Return the measurements of a task by contender; each begins with a new account."""
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder, "journal.json")
        for contender in contenders:
            scenario = Scenario(task=task, people=people, journal=str(journal))
            with serving(
                "benchmarks.people.server", json.dumps(replace(scenario, journal="").arguments())
            ) as port:
                measured[contender] = run_contender(
                    "benchmarks.people.contender", contender, scenario, port, timeout=RUN_TIMEOUT
                )
                if contender == "damstra":
                    journal.write_bytes(requests.get(f"http://127.0.0.1:{port}/journal", timeout=60).content)
    return measured


def line(task: str, people: int, contender: str, of: Measurement, smaller: Measurement | None) -> str:
    """Return a line of the table.

    :param smaller: the measurement of a tenth of the people, or None.
    """
    cells = [
        *(task, f"{people:,}", contender, f"{of['seconds']:.1f}", f"{of['cpu']:.1f}", f"{of['memory']:.0f}"),
        *(f"{of['requests']:.0f}", *(f"{of[name] / 1e3:.0f}" for name in ("state", "xcoms"))),
        f"{of['file'] / 1e6:.1f}",
    ]
    if smaller is None:
        return f"| {' | '.join([*cells, '', '', ''])} |"
    growth = [f"{of[name] / smaller[name]:.1f}" for name in ("seconds", "cpu")]
    is_growing = smaller["memory"] >= SMALLEST_GROWING_MB
    growth.append(f"{of['memory'] / smaller['memory']:.1f}" if is_growing else "")
    return f"| {' | '.join([*cells, *growth])} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, help="the smaller number, default 5,000 (matrix 1,000)")
    parser.add_argument("--task", default="", help="tasks whose name contains this")
    parser.add_argument("--contender", choices=CONTENDERS, action="append", help="only these besides ours")
    given = parser.parse_args()
    contenders = ("damstra", *(given.contender or CONTENDERS[1:]))
    print(f"Load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for task in OPERATORS:
        if given.task not in task:
            continue
        smaller: dict[str, Measurement] = {}
        fewest = given.people or (1_000 if task == "matrix" else 5_000)
        for people in (fewest, fewest * GROWTH):
            measured = measure(task, people, contenders)
            for contender, of in measured.items():
                print(line(task, people, contender, of, smaller.get(contender)), flush=True)
            smaller = measured


if __name__ == "__main__":
    main()
