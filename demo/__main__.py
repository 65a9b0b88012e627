"""`python -m demo run` and `python -m demo up`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from demo.cohort import COHORT
from demo.lock import AlreadyRunningError, RunLock
from demo.onboarding import DAG_ID, DemoEnvironment
from demo.report import HEADINGS, collect
from demo.terminal import Terminal
from demo.waiting import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

OUTPUT = Path(__file__).resolve().parent.parent / ".demo"


def main() -> int:
    """Run the demonstration and return its exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("command", choices=sorted(COMMANDS), help="run: to the end; up: until Ctrl-C")
    command = parser.parse_args().command
    # background jobs of a script inherit SIGINT ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit_on_signal)
    terminal = Terminal()
    try:
        return COMMANDS[command](terminal)
    except AlreadyRunningError as error:
        print(error, file=sys.stderr)
        return 1
    except (DemoError, requests.RequestException) as error:
        print(f"The demonstration failed: {error}\nLogs: {OUTPUT / command / 'logs'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(terminal: Terminal) -> int:
    """Onboard the cohort and stop everything; return 0 if every certificate was issued."""
    lock = RunLock(OUTPUT / "run.lock")
    with lock.held():
        environment = DemoEnvironment(root=OUTPUT / "run", terminal=terminal)
        lock.set_url(environment.airflow.url)
        with environment.running():
            return _onboard(environment)


def up(terminal: Terminal) -> int:
    """Onboard the cohort and keep everything running until Ctrl-C; trainees complete further lessons too."""
    lock = RunLock(OUTPUT / "up.lock")
    with lock.held():
        environment = DemoEnvironment(
            root=OUTPUT / "up",
            terminal=terminal,
            with_all_examples=True,
            ports=OUTPUT / "ports.json",
            user_dags=OUTPUT / "dags",
        )
        lock.set_url(environment.airflow.url)
        with environment.running():
            _onboard(environment)
            terminal.block(_description(environment))
            environment.trainees.release()
            while True:
                environment.check()
                threading.Event().wait(1)


def _description(environment: DemoEnvironment) -> str:
    """Return what is running, for a user who tries it."""
    return f"""
  Airflow        {environment.airflow.url}/dags  (no login)
                 All {len(environment.dag_ids)} example DAGs without other systems, paused except {DAG_ID}:
                 Trigger works as prefilled, Unpause lets schedules and events start them.
                 A run triggered through the API stays queued until its DAG is unpaused.
  emulator       {environment.emulator.url}
  access key     {environment.emulator.access_key}
  your DAGs      {environment.user_dags}
                 No start deletes them; each start pauses them. Each needs a dag_id that no example has.
  webhooks       reach Airflow: a DAG of yours with schedule=[damstra_event(...)] is started by them
  files          {environment.files}

  Ctrl-C stops everything. The next start uses the same ports and your DAGs, and new data: it deletes
  {environment.root}, with all DAG runs, variables and connections, files and changes in the emulator.
"""


def _onboard(environment: DemoEnvironment) -> int:
    """Run the DAG and print the result for each new starter; return the exit code."""
    dag_run = environment.run()
    for log in environment.failed_logs(dag_run):
        environment.terminal.block(log)
    records = collect(COHORT, emulator=environment.emulator.api, certificates=environment.certificates)
    environment.terminal.block("")
    environment.terminal.table(HEADINGS, [row for record in records for row in record.rows()])
    environment.terminal.block("")
    problems = [problem for record in records for problem in record.problems]
    if dag_run.state != "success":
        problems.insert(0, f"the DAG run ended as {dag_run.state}")
    for problem in problems:
        environment.terminal.block(f"PROBLEM  {problem}")
    if not problems:
        environment.terminal.block(
            f"All {len(records)} new starters are onboarded. Certificates: {environment.certificates}\n"
        )
    return 1 if problems else 0


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    """Raise, as Ctrl-C does, so that every process is stopped."""
    raise SystemExit(128 + number)


COMMANDS: dict[str, Callable[[Terminal], int]] = {"run": run, "up": up}

if __name__ == "__main__":
    sys.exit(main())
