"""The floor: read responses from raw sockets without parsing them."""

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
    """Read all pages with a number of requests in flight, and return the number of rows."""
    targets = list(targets_of(scenario))
    shares = [targets[worker::concurrency] for worker in range(concurrency)]
    with ThreadPoolExecutor(concurrency) as pool:
        return sum(pool.map(lambda share: sum(map(_rows_in, bodies(share, port))), shares))


def targets_of(scenario: Scenario) -> Iterator[str]:
    """Yield the request targets in order."""
    if scenario.what == "schedules":
        for user in range(1, scenario.users + 1):
            # The second page is the empty one by which a listing without a total ends.
            for start in {0, schedule_count(user)}:
                yield f"/api/v2/user/{user}/lesson_schedule?startIndex={start}"
        return
    for start in range(0, scenario.users, scenario.page_size):
        yield f"/api/v2/user?startIndex={start}&maxResults={scenario.page_size}"


def bodies(targets: Iterable[str], port: int) -> Iterator[memoryview]:
    """Yield the bodies of the responses; each is overwritten by the next one."""
    buffer = memoryview(bytearray(BUFFER))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for target in targets:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: floor\r\n\r\n".encode())
            yield read_response(connection, buffer)


def read_response(connection: socket.socket, buffer: memoryview) -> memoryview:
    """Read a response into a buffer, and return its body."""
    received, begin, end = 0, 0, 0
    while not end or received < end:
        count = connection.recv_into(buffer[received:])
        if not count:
            raise ConnectionError("the server closed the connection within a response")
        received += count
        if not end:
            head, found, _ = bytes(buffer[: min(received, HEAD)]).partition(b"\r\n\r\n")
            if found:
                begin = len(head) + len(found)
                end = begin + int(head.rpartition(b"Content-Length: ")[2])
    return buffer[begin:end]


def _rows_in(body: memoryview) -> int:
    """Return the number of rows in a body, from its ``meta`` or counted."""
    meta = bytes(body[-60:]).rpartition(b'"startIndex":')[2].strip(b"}")
    start, found, end = meta.partition(b',"endIndex":')
    return int(end) - int(start) if found else bytes(body).count(b'"lessonId"')
