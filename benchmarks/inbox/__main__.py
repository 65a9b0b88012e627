"""Measure an event's cost with few and with many rows in the tables: ``python -m benchmarks.inbox``.

The server syncs no commit to disk, so that the cost is that of the statements. The floor executes bare
statements through psycopg on the same rows. Blocks are those that an event's queries and updates touch in
tables and indexes: their number is independent of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from benchmarks.inbox.operations import OPERATIONS
from tests.postgresql import HOST, NO_DURABILITY, USER, running_postgresql

if TYPE_CHECKING:
    from benchmarks.inbox.contender import Measured
    from tests.postgresql import PostgreSQL

COLUMNS = ("operation", "rows", "ms", "floor ms", "by floor", "growth", "blocks", "growth of blocks")
RUN_TIMEOUT = 600.0
"""Seconds for one contender."""


def run(contender: str, rows: int, events: int, server: PostgreSQL) -> dict[str, Measured]:
    """Run one contender in a subprocess, on a new database, and return the cost of an event by operation."""
    with tempfile.TemporaryDirectory() as home, server.new_database() as database:
        url = f"postgresql+psycopg2://{USER}:{server.password}@{HOST}:{server.port}/{database}"
        done = subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-m", "benchmarks.inbox.contender", contender, str(rows), str(events)],
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT,
            env={
                **{"AIRFLOW_HOME": home, "HOME": home, "PATH": "", "PYTHONPATH": "."},
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            },
        )
    if done.returncode:
        raise SystemExit(f"{contender} failed with {rows} rows:\n{done.stderr[-3000:]}")
    measured: dict[str, Measured] = json.loads(done.stdout.splitlines()[-1])
    return measured


def lines(sizes: dict[int, tuple[dict[str, Measured], dict[str, Measured]]]) -> list[str]:
    """Return the lines of the table: each operation with each number of rows."""
    found = []
    smallest = next(iter(sizes.values()))[0]
    for name in OPERATIONS:
        for rows, (ours, floor) in sizes.items():
            of, first = ours[name], smallest[name]
            bare = floor.get(name)
            cells = (
                f"{of['milliseconds']:.2f}",
                f"{bare['milliseconds']:.2f}" if bare else "",
                f"{of['milliseconds'] / bare['milliseconds']:.1f}" if bare else "",
                f"{of['milliseconds'] / first['milliseconds']:.2f}",
                f"{of['blocks']:.0f}",
                f"{of['blocks'] / first['blocks']:.2f}",
            )
            found.append(f"| {name} | {rows} | {' | '.join(cells)} |")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, action="append", help="default 10,000 and 100,000")
    parser.add_argument("--events", type=int, default=300, help="events of a round")
    given = parser.parse_args()
    print(f"Rounds of {given.events} events; load of the machine before: {os.getloadavg()[0]:.1f}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    with running_postgresql(settings=(*NO_DURABILITY, "shared_buffers=128MB")) as server:
        sizes = {
            rows: (run("damstra", rows, given.events, server), run("floor", rows, given.events, server))
            for rows in given.rows or (10_000, 100_000)
        }
    print("\n".join(lines(sizes)))


if __name__ == "__main__":
    main()
