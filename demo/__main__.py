"""`python -m demo run` and `python -m demo up`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from demo.cohort import COHORT
from demo.errors import DemoError
from demo.onboarding import DAG_ID, Stage
from demo.report import HEADINGS, collect
from demo.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

FILES = Path(__file__).resolve().parent.parent / ".demo"


def main() -> int:
    """Run the demonstration and return its exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("what", choices=sorted(COMMANDS), help="run: to the end; up: until Ctrl-C")
    what = parser.parse_args().what
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background job inherits it ignored
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    terminal = Terminal()
    try:
        return COMMANDS[what](Stage(root=FILES / what, terminal=terminal))
    except (DemoError, requests.RequestException) as error:
        print(f"The demonstration failed: {error}\nLogs: {FILES / what / 'logs'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(stage: Stage) -> int:
    """Onboard the cohort and stop everything; 0 if everybody has everything."""
    with stage.running():
        return _onboard(stage)


def up(stage: Stage) -> int:
    """Onboard the cohort and keep everything running until Ctrl-C; trainees do what else they are given."""
    with stage.running():
        _onboard(stage)
        stage.terminal.block(
            f"""
  Airflow        {stage.airflow.url}/dags/{DAG_ID}  (no login)
  the emulator   {stage.emulator.url}/docs
  its key        {stage.emulator.access_key}
  its events     reach Airflow: put a DAG with schedule=[damstra_event(...)] into {stage.dags}
  for a new run  {json.dumps(stage.conf)}

  Ctrl-C stops everything.
"""
        )
        stage.trainees.begin()
        while True:
            stage.check()
            threading.Event().wait(1)


def _onboard(stage: Stage) -> int:
    """Run the DAG and show what became of each person."""
    outcome = stage.run()
    for log in stage.failed_logs(outcome):
        stage.terminal.block(log)
    records = collect(COHORT, emulator=stage.emulator.api, certificates=stage.certificates)
    stage.terminal.block("")
    stage.terminal.table(HEADINGS, [row for record in records for row in record.rows()])
    stage.terminal.block("")
    problems = [problem for record in records for problem in record.problems]
    if outcome.state != "success":
        problems.insert(0, f"the DAG run ended as {outcome.state}")
    for problem in problems:
        stage.terminal.block(f"PROBLEM  {problem}")
    if not problems:
        stage.terminal.block(f"All {len(records)} are onboarded. The certificates: {stage.certificates}\n")
    return 1 if problems else 0


def _leave(number: int, _frame: FrameType | None) -> None:
    """Unwind as Ctrl-C would, so that every process is stopped."""
    raise SystemExit(128 + number)


COMMANDS: dict[str, Callable[[Stage], int]] = {"run": run, "up": up}

if __name__ == "__main__":
    sys.exit(main())
