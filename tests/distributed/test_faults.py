"""Faults reach the process that sent a request, and ended processes are restarted."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from demo.processes import ManagedProcess
from distributed.faults import pauses, read_kills
from distributed.faults.aimed_kills import AimedKills
from distributed.faults.pauses import Pauses
from distributed.faults.read_kills import ReadKills
from distributed.stack import supervisor
from distributed.stack.supervisor import Supervisor
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from distributed.faults.proxy import Proxy

SEND = """
import sys
from http.client import HTTPConnection
port, method, path, count = sys.argv[1:]
connection = HTTPConnection("127.0.0.1", int(port), timeout=30)
for _ in range(int(count)):
    connection.request(method, path)
    connection.getresponse().read()
"""


def send_in_process(proxy: Proxy, method: str, path: str, *, count: int = 1) -> subprocess.Popen[bytes]:
    """Start a process that sends requests on one connection."""
    port = proxy.url.rpartition(":")[2]
    command = [sys.executable, "-c", SEND, port, method, path, str(count)]
    return subprocess.Popen(command)  # noqa: S603 (constant arguments)


def statuses(worker: ManagedProcess) -> list[str]:
    return [psutil.Process(pid).status() for pid in worker.members()]


def test_sender_of_a_change_is_killed_before_the_response(proxy: Proxy) -> None:
    kills = AimedKills(["CreateUser", "CreateGroup"], times=1)
    proxy.observers.append(kills)
    codes = [send_in_process(proxy, method, "/api/v2/user").wait(60) for method in ("GET", "POST", "POST")]
    assert codes == [0, -signal.SIGKILL, 0]
    assert (dict(kills.killed), kills.missing) == ({"CreateUser": 1}, ["CreateGroup"])


def test_reader_is_killed_after_some_responses(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    class Metadata:
        def __init__(self) -> None:
            self.running: dict[int, str] = {}
            self.reads = 0

        def running_processes(self, dag_id: str) -> dict[int, str]:
            self.reads += 1
            return dict(self.running) if dag_id == "training" else {}

    monkeypatch.setattr(read_kills, "INTERVAL", 0.01)
    monkeypatch.setattr(read_kills, "RESPONSES", 3)
    metadata = Metadata()
    kills = ReadKills(["export"], times=1, metadata=metadata, dag_id="training")  # type: ignore[arg-type]
    proxy.observers.append(kills)
    kills.start()
    try:
        sender = send_in_process(proxy, "GET", "/user/7/lesson_schedule", count=1_000_000)
        metadata.running[sender.pid] = "export"
        assert sender.wait(60) == -signal.SIGKILL
        assert kills.killed == {"export": 1}
        second = send_in_process(proxy, "GET", "/user/7/lesson_schedule", count=20)
        metadata.running[second.pid] = "export"
        assert second.wait(60) == 0
    finally:
        kills.stop()


def test_task_and_its_supervisor_are_stopped_for_a_while(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pauses, "PAUSE_SECONDS", 3.0)
    port = proxy.url.rpartition(":")[2]
    start_task = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))"
    task = ["-c", SEND, port, "GET", "/user/7/lesson_schedule", "1"]
    command = [sys.executable, "-c", start_task, *task]
    worker = ManagedProcess("worker", command, env={}, cwd=tmp_path, log=tmp_path / "worker.log")
    fault = Pauses(["ListUserLessonSchedules"], workers=[worker])
    proxy.observers.append(fault)
    worker.start()
    try:
        wait_until(lambda: statuses(worker) == [psutil.STATUS_STOPPED] * 2, "the stop of both processes")
        wait_until(lambda: not worker.is_running, "the end of the task")
        assert worker.exit_code == 0, worker.tail()
    finally:
        worker.kill()
    assert send_in_process(proxy, "GET", "/user/7/lesson_schedule").wait(60) == 0
    assert fault.paused == ["ListUserLessonSchedules"]


def test_ended_process_is_restarted_unless_the_lock_is_held(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisor, "INTERVAL", 0.01)
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    process = ManagedProcess("worker", command, env={}, cwd=tmp_path, log=tmp_path / "worker.log")
    watcher = Supervisor({"worker": process})
    process.start()
    watcher.start()
    try:
        first = process.pid
        with watcher.lock:
            process.kill_without_children()
            assert not process.is_running
        wait_until(lambda: process.is_running and process.pid != first, "the restart")
        assert watcher.restarts == {"worker": 1}
    finally:
        watcher.stop()
        process.kill()
