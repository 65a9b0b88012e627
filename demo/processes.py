"""Child processes that leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import psutil

from demo.errors import DeadlinePassedError, DemoError, ProcessDiedError
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

GRACE_SECONDS = 5.0


def free_port() -> int:
    """Return a TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ManagedProcess:
    """A command in a session of its own, with its output in a log file.

    The session is what makes a complete stop possible: Airflow's tasks leave their parent's process group,
    and their parent may be gone before them, but they stay in the session.
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
        self._is_gone = False

    def start(self) -> None:
        """Start the command; its output is appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._is_gone = False
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the commands are ours
                self.command,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *, seconds: float) -> None:
        """Run the command to its end, which has to be a good one."""
        self.start()
        try:
            wait_until(lambda: not self.is_running, what=f"the end of {self.name}", seconds=seconds)
        finally:
            self.kill()
        if self.exit_code != 0:
            raise DemoError(f"{self.name} failed with exit code {self.exit_code}:\n{self.tail()}")

    @property
    def is_running(self) -> bool:
        """Whether the command was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return None if self._process is None else self._process.poll()

    def check(self) -> None:
        """Raise ProcessDiedError, with the end of the log, unless it runs."""
        if not self.is_running:
            raise ProcessDiedError(
                f"{self.name} ended with exit code {self.exit_code}; the end of {self.log}:\n{self.tail()}"
            )

    def terminate(self) -> None:
        """Ask the command to end, without waiting for it."""
        if self._process is not None and self.is_running:
            self._process.terminate()

    def kill(self) -> None:
        """End the command and everything it started, at once."""
        if self._process is None or self._is_gone:
            return
        while members := _members(self._process.pid):  # one of them may have forked since the last look
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._is_gone = True

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def stop_all(processes: Iterable[ManagedProcess]) -> None:
    """Ask all of them to end, and kill what is left after a grace period."""
    processes = list(processes)
    try:
        for process in processes:
            process.terminate()
        with contextlib.suppress(DeadlinePassedError):
            wait_until(
                lambda: not any(process.is_running for process in processes),
                what="the processes to end",
                seconds=GRACE_SECONDS,
                interval=0.1,
            )
    finally:  # also when somebody presses Ctrl-C again
        for process in processes:
            process.kill()


def _members(session: int) -> list[int]:
    """Return the ids of the living processes of a session, whatever became of their parents."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
    return members
