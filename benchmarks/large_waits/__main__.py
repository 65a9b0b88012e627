"""Measure each kind of large wait, and print a table: ``python -m benchmarks.large_waits``.

The people complete their lesson within 20 seconds; the sizes show the growth.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from benchmarks.large_waits.contender import CONTENDERS
from benchmarks.waits.__main__ import run

COLUMNS = ("people", "contender", "requests", "CPU s", "CPU ms per person", "lag ms", "delay s", "MB")
INTERVAL = 10.0
"""Poll interval in seconds: long enough for one poll of 10,000 people."""

LEAD = 20.0
"""Seconds for the imports and the first poll of each person."""


def row(people: int, contender: str, result: dict[str, Any]) -> str:
    """Return one line of the table; the delay is that of the last event."""
    cells = (
        people,
        contender,
        result["requests"],
        f"{result['cpu']:.1f}",
        f"{result['cpu'] / people * 1000:.2f}",
        f"{result['lag'] * 1000:.0f}",
        f"{result['delays'][-1]:.1f}",
        f"{result['memory']:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Run the contenders one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, action="append", help="default 1,000 and 10,000")
    parser.add_argument("--contender", choices=CONTENDERS, action="append", help="default all")
    given = parser.parse_args()
    print(f"Load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for contender in given.contender or CONTENDERS:
        for people in given.people or (1_000, 10_000):
            sizes = {"waits": people, "users": people, "interval": INTERVAL, "seconds": 20.0}
            result = run("benchmarks.large_waits.contender", contender, lead=LEAD, **sizes)
            print(row(people, contender, result), flush=True)


if __name__ == "__main__":
    main()
