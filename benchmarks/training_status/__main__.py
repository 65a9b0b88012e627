"""Measure the status of people with five requirements: ``python -m benchmarks.training_status``.

The server responds after 50 ms. The floor sends one listing for each person, which is two requests because
only an empty page marks its end, with the same number of requests in flight, and parses nothing.
"""

from __future__ import annotations

import argparse
import json
import os

from benchmarks.exports.__main__ import run_contender
from benchmarks.exports.scenario import Scenario
from benchmarks.serving import serving
from benchmarks.training_status.contender import CONTENDERS

COLUMNS = ("people", "contender", "seconds", "CPU s", "MB", "requests")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, action="append", help="default 1,000 and 10,000")
    given = parser.parse_args()
    print(f"Load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for people in given.people or (1_000, 10_000):
        scenario = Scenario(what="schedules", users=people, page_size=100, latency=0.05)
        with serving("benchmarks.training_status.server", json.dumps(scenario.arguments())) as port:
            for name in CONTENDERS:
                of = run_contender("benchmarks.training_status.contender", name, scenario, port)
                print(
                    f"| {people} | {name} | {of['seconds']:.1f} | {of['cpu']:.1f} | {of['memory']:.0f} "
                    f"| {of['requests']:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
