"""Child processes that are stopped together with all their descendants."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import psutil

from demo.waiting import DemoError, DemoTimeoutError, ProcessDiedError, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

GRACE_PERIOD = 5.0
"""Seconds that a process has to end after SIGTERM."""


def free_port(preferred: int = 0) -> int:
    """Return a free TCP port of the loopback interface, the preferred one if possible."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def server_port() -> int:
    """Return a free port that the system gives to no outgoing connection, for a server that is restarted."""
    return free_port(random.randrange(20_000, 30_000))  # noqa: S311 (not secret)


def remembered_port(file: Path, name: str, *, default: int) -> int:
    """Return the port of an earlier call, which a file contains; a new one if it is in use.

    :param file: JSON with a port for each name; written.
    :param default: the port to prefer the first time.
    """
    ports = json.loads(file.read_text()) if file.exists() else {}
    port = free_port(ports.get(name, default))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**ports, name: port}))
    return port


class ManagedProcess:
    """A command in its own session, with its output in a log file.

    All processes of the session are stopped: Airflow's tasks leave their parent's process group, and may
    outlive their parent, but stay in the session. It can be started again when it has ended.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
    ) -> None:
        self.name = name
        self.command = list(command)
        self.env = dict(env)
        self.cwd = cwd
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: set[int] = set()

    def start(self) -> None:
        """Start the command; its output is appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - constant arguments
                self.command,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._sessions.add(self._process.pid)

    def run(self, *, timeout: float) -> None:
        """Run the command to its end; raise DemoError unless it succeeds."""
        self.start()
        try:
            wait_until(lambda: not self.is_running, description=f"the end of {self.name}", timeout=timeout)
        finally:
            self.kill()
        if self.exit_code != 0:
            raise DemoError(f"{self.name} failed with exit code {self.exit_code}:\n{self.tail()}")

    @property
    def pid(self) -> int | None:
        """Return the process id, or None before the start."""
        return None if self._process is None else self._process.pid

    @property
    def is_running(self) -> bool:
        """Return whether the command was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, or None while it is running."""
        return None if self._process is None else self._process.poll()

    def check(self) -> None:
        """Raise ProcessDiedError, with the end of the log, unless it is running."""
        if not self.is_running:
            raise ProcessDiedError(
                f"{self.name} ended with exit code {self.exit_code}; the end of {self.log}:\n{self.tail()}"
            )

    def terminate(self) -> None:
        """Send SIGTERM, without waiting for the end."""
        if self._process is not None and self.is_running:
            self._process.terminate()

    def kill_without_children(self) -> None:
        """Send SIGKILL to the command only; its children go on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL to the command and all processes of its sessions, those of earlier starts too."""
        while members := self.members():  # repeat: a process may have forked meanwhile
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self._sessions.clear()

    def members(self) -> list[int]:
        """Return the ids of the running processes of its sessions."""
        return _members(self._sessions) if self._sessions else []

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def stop_all(processes: Iterable[ManagedProcess]) -> None:
    """Terminate all processes, and kill those left after the grace period."""
    processes = list(processes)
    try:
        for process in processes:
            process.terminate()
        with contextlib.suppress(DemoTimeoutError):
            wait_until(
                lambda: not any(process.is_running for process in processes),
                description="the processes to end",
                timeout=GRACE_PERIOD,
                interval=0.1,
            )
    finally:  # also after another Ctrl-C
        for process in processes:
            process.kill()


def _members(sessions: set[int]) -> list[int]:
    """Return the ids of the running processes of sessions."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
    return members
