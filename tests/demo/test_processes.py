"""Processes of the demonstration, and waiting with a timeout."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from demo.processes import ManagedProcess, stop_all
from demo.waiting import DemoError, DemoTimeoutError, ProcessDiedError, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Start a child in its own process group, as Airflow's tasks are; it prints its id and ignores SIGTERM.
CHILD = """
import os, signal
child = os.fork()
if not child:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    signal.pause()
"""
PARENT_STAYS = CHILD + "signal.pause()"
PARENT_EXITS = CHILD


@pytest.fixture
def make_process(tmp_path: Path) -> Callable[[str], ManagedProcess]:
    def make(program: str) -> ManagedProcess:
        command = [sys.executable, "-c", program]
        return ManagedProcess("program", command, env=os.environ, cwd=tmp_path, log=tmp_path / "log")

    return make


@pytest.mark.parametrize("program", [PARENT_STAYS, PARENT_EXITS], ids=["parent stays", "parent exits"])
def test_stop_ends_children(program: str, make_process: Callable[[str], ManagedProcess]) -> None:
    process = make_process(program)
    process.start()
    child = int(wait_until(lambda: _output(process), description="the child's id", timeout=20))
    stop_all([process])
    assert not process.is_running
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_check_reports_ended_process_with_log(make_process: Callable[[str], ManagedProcess]) -> None:
    process = make_process("raise SystemExit('no room left')")
    process.start()
    wait_until(lambda: not process.is_running, description="the end", timeout=20)
    with pytest.raises(ProcessDiedError, match=r"exit code 1.*\nno room left"):
        process.check()


def test_process_can_be_restarted(make_process: Callable[[str], ManagedProcess]) -> None:
    process = make_process("import signal; signal.pause()")
    process.start()
    process.kill()
    assert not process.is_running
    process.start()
    process.check()
    stop_all([process])
    assert not process.is_running


def test_failing_run_raises(make_process: Callable[[str], ManagedProcess]) -> None:
    with pytest.raises(DemoError, match="exit code 3"):
        make_process("raise SystemExit(3)").run(timeout=20)


def test_wait_until_times_out() -> None:
    with pytest.raises(DemoTimeoutError, match="in vain for rain"):
        wait_until(lambda: None, description="rain", timeout=0)


def _output(process: ManagedProcess) -> str:
    return process.log.read_text().strip() if process.log.exists() else ""
