"""The floor: answers read off raw sockets, and nothing else done."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.exports.scenario import schedule_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.exports.scenario import Scenario

BUFFER = 1 << 20
HEAD = 1024


def floor(scenario: Scenario, port: int, concurrency: int) -> int:
    """Return how many rows came, with so many requests in flight."""
    targets = list(targets_of(scenario))
    shares = [targets[worker::concurrency] for worker in range(concurrency)]
    with ThreadPoolExecutor(concurrency) as pool:
        return sum(pool.map(lambda share: sum(map(_rows_in, bodies(share, port))), shares))


def targets_of(scenario: Scenario) -> Iterator[str]:
    """Yield what has to be asked for, in order."""
    if scenario.what == "schedules":
        for user in range(1, scenario.users + 1):
            # The second page is the empty one by which a listing without a total ends.
            for start in {0, schedule_count(user)}:
                yield f"/api/v2/user/{user}/lesson_schedule?startIndex={start}"
        return
    for start in range(0, scenario.users, scenario.page_size):
        yield f"/api/v2/user?startIndex={start}&maxResults={scenario.page_size}"


def bodies(targets: Iterable[str], port: int) -> Iterator[memoryview]:
    """Yield the body of one answer after the other. Each is gone when the next is asked for."""
    buffer = memoryview(bytearray(BUFFER))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for target in targets:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: floor\r\n\r\n".encode())
            yield _body(connection, buffer)


def _body(connection: socket.socket, buffer: memoryview) -> memoryview:
    received, begin, end = 0, 0, 0
    while not end or received < end:
        count = connection.recv_into(buffer[received:])
        if not count:
            raise ConnectionError("the server closed the connection in the middle of an answer")
        received += count
        if not end:
            head, found, _ = bytes(buffer[: min(received, HEAD)]).partition(b"\r\n\r\n")
            if found:
                begin = len(head) + len(found)
                end = begin + int(head.rpartition(b"Content-Length: ")[2])
    return buffer[begin:end]


def _rows_in(body: memoryview) -> int:
    """Return how many rows a body has: by its ``meta`` at the end, or counted where there is none."""
    meta = bytes(body[-60:]).rpartition(b'"startIndex":')[2].strip(b"}")
    start, found, end = meta.partition(b',"endIndex":')
    return int(end) - int(start) if found else bytes(body).count(b'"lessonId"')
