from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from demo.errors import DeadlinePassedError, DemoError, ProcessDiedError
from demo.processes import ManagedProcess, stop_all
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A child in a process group of its own, as Airflow's tasks are, which writes down its id and never ends.
CHILD = """
import os, signal
child = os.fork()
if not child:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    signal.pause()
"""
STAYS = CHILD + "signal.pause()"
LEAVES = CHILD


@pytest.fixture
def python(tmp_path: Path) -> Callable[[str], ManagedProcess]:
    def make(program: str) -> ManagedProcess:
        command = [sys.executable, "-c", program]
        return ManagedProcess("program", command, env=os.environ, cwd=tmp_path, log=tmp_path / "log")

    return make


@pytest.mark.parametrize("program", [STAYS, LEAVES], ids=["parent stays", "parent leaves"])
def test_a_stop_ends_the_children_too(program: str, python: Callable[[str], ManagedProcess]) -> None:
    process = python(program)
    process.start()
    child = int(wait_until(lambda: _text(process), what="the child's id", seconds=20))
    stop_all([process])
    assert not process.is_running
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_process_that_ended_is_reported_with_its_log(python: Callable[[str], ManagedProcess]) -> None:
    process = python("raise SystemExit('no room left')")
    process.start()
    wait_until(lambda: not process.is_running, what="the end", seconds=20)
    with pytest.raises(ProcessDiedError, match=r"exit code 1.*\nno room left"):
        process.check()


def test_a_process_can_be_started_again(python: Callable[[str], ManagedProcess]) -> None:
    process = python("import signal; signal.pause()")
    process.start()
    process.kill()
    assert not process.is_running
    process.start()
    process.check()
    stop_all([process])
    assert not process.is_running


def test_a_run_that_fails_is_an_error(python: Callable[[str], ManagedProcess]) -> None:
    with pytest.raises(DemoError, match="exit code 3"):
        python("raise SystemExit(3)").run(seconds=20)


def test_waiting_has_a_deadline() -> None:
    with pytest.raises(DeadlinePassedError, match="in vain for rain"):
        wait_until(lambda: None, what="rain", seconds=0)


def _text(process: ManagedProcess) -> str:
    return process.log.read_text().strip() if process.log.exists() else ""
