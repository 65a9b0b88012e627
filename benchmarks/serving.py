"""A benchmark's server in a separate process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def serving(module: str, scenario: str) -> Iterator[int]:
    """Yield the port on which the module's server responds, with ``/stats``; stop it at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-m", module, scenario, str(port)]) as server:  # noqa: S603
        try:
            _until_up(port)
            yield port
        finally:
            server.terminate()


def _until_up(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            requests.get(f"http://127.0.0.1:{port}/stats", timeout=1)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise TimeoutError("the benchmark's server did not start")
