"""The floor and the peer: the requests of an operator again, without deciding anything."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from benchmarks.exports.floor import BUFFER, read_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.people.scenario import Scenario

Sent = tuple[str, str, str]
"""Method, target and body of a request."""


def _journal(scenario: Scenario) -> list[Sent]:
    return [(method, target, body) for method, target, body in json.loads(Path(scenario.journal).read_text())]


def floor(scenario: Scenario, port: int, concurrency: int) -> int:
    """Send the requests on raw sockets, do not parse the responses, and return the number of people."""
    journal = _journal(scenario)
    shares = [journal[worker::concurrency] for worker in range(concurrency)]
    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(lambda share: _send(share, port), shares))
    return scenario.people


def _send(share: Iterable[Sent], port: int) -> None:
    buffer = memoryview(bytearray(BUFFER))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for method, target, body in share:
            head = f"{method} {target} HTTP/1.1\r\nHost: floor\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body).encode())
            read_response(connection, buffer)


def requests_loop(scenario: Scenario, port: int) -> int:
    """Send one request after the other, parse the responses, and return the number of people."""
    with requests.Session() as session:
        for method, target, body in _journal(scenario):
            session.request(method, f"http://127.0.0.1:{port}{target}", data=body, timeout=60).json()
    return scenario.people
