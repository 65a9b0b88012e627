"""A benchmark's server in a separate process."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
    # Rendering a million rows takes long on a busy machine.
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        try:
            requests.get(f"http://127.0.0.1:{port}/stats", timeout=1)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise TimeoutError("the benchmark's server did not start")


def serve_scenario(create: Callable[[dict[str, Any]], Callable[[], asyncio.Protocol]]) -> None:
    """Serve until stopped: the main function of a server, whose arguments are those of ``serving``.

    :param create: returns the factory of connections for a scenario.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", type=json.loads)
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    asyncio.run(_serve_forever(create(given.scenario), given.port))


async def _serve_forever(create_connection: Callable[[], asyncio.Protocol], port: int) -> None:
    server = await asyncio.get_running_loop().create_server(create_connection, "127.0.0.1", port)
    await server.serve_forever()
