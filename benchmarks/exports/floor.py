"""The floor: answers read off raw sockets, their rows counted and nothing else done."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.exports.scenario import Scenario

BUFFER = 1 << 20
HEAD = 1024


def floor(scenario: Scenario, port: int, concurrency: int) -> int:
    """Return how many rows came, with so many requests in flight."""
    targets = list(_targets(scenario))
    shares = [targets[worker::concurrency] for worker in range(concurrency)]
    with ThreadPoolExecutor(concurrency) as pool:
        return sum(pool.map(lambda share: _read(share, port), shares))


def _targets(scenario: Scenario) -> Iterator[str]:
    if scenario.what == "schedules":
        yield from (f"/api/v2/user/{user}/lesson_schedule" for user in range(1, scenario.users + 1))
        return
    for start in range(0, scenario.users, scenario.page_size):
        yield f"/api/v2/user?startIndex={start}&maxResults={scenario.page_size}"


def _read(targets: list[str], port: int) -> int:
    rows, buffer = 0, memoryview(bytearray(BUFFER))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for target in targets:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: floor\r\n\r\n".encode())
            rows += _answer(connection, buffer)
    return rows


def _answer(connection: socket.socket, buffer: memoryview) -> int:
    """Return how many rows an answer has: its ``endIndex``, less its ``startIndex``, at its end."""
    received, whole = 0, 0
    while not whole or received < whole:
        count = connection.recv_into(buffer[received:])
        if not count:
            raise ConnectionError("the server closed the connection in the middle of an answer")
        received += count
        whole = whole or _length(bytes(buffer[: min(received, HEAD)]))
    meta = bytes(buffer[received - 60 : received]).rpartition(b'"startIndex":')[2].strip(b"}")
    start, _, end = meta.partition(b',"endIndex":')
    return int(end) - int(start)


def _length(head: bytes) -> int:
    """Return the length of the whole answer, or 0 if its head is not complete."""
    head, found, _ = head.partition(b"\r\n\r\n")
    return len(head) + 4 + int(head.rpartition(b"Content-Length: ")[2]) if found else 0
