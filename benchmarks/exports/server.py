"""HTTP/1.1 server of rows that were rendered before the start; counts requests."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import cast
from urllib.parse import parse_qs

from benchmarks.exports.scenario import Scenario, schedules_page, users_meta, users_rows
from benchmarks.serving import serve_scenario


class Pages:
    """The responses of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.latency = scenario.latency
        self.requests = 0
        self._size = scenario.page_size
        self._total = scenario.users
        is_fan_out = scenario.what == "schedules"
        self._rows, self._offsets = users_rows(0 if is_fan_out else scenario.users)
        user_ids = range(1, scenario.users + 1) if is_fan_out else ()
        self._schedules = {user: http_response(schedules_page(user, 0)) for user in user_ids}

    def _users(self, start: int) -> bytes:
        end = max(start, min(start + self._size, self._total))
        rows = memoryview(self._rows)[self._offsets[start] : self._offsets[end] - 1] if start < end else b""
        return http_response(b'{"results":[', rows, b"],", users_meta(start, end, self._total), b"}")

    def respond(self, target: str) -> bytes:
        """Count a request and return its response."""
        path, _, query = target.partition("?")
        if path == "/stats":
            return http_response(json.dumps({"requests": self.requests}).encode())
        self.requests += 1
        parameters = parse_qs(query)
        start = int(parameters.get("startIndex", ["0"])[0])
        parts = path.strip("/").split("/")
        if parts == ["api", "v2", "user"]:
            if parameters.get("maxResults") != [str(self._size)]:
                return http_response(
                    b'{"message":"another page size was rendered"}', status="400 Bad Request"
                )
            return self._users(start)
        if len(parts) == 5 and parts[4] == "lesson_schedule" and int(parts[3]) in self._schedules:
            user = int(parts[3])
            return http_response(schedules_page(user, start)) if start else self._schedules[user]
        return http_response(b'{"message":"not found"}', status="404 Not Found")


def http_response(*body: bytes | memoryview, status: str = "200 OK") -> bytes:
    """Return a response with a body of JSON."""
    length = sum(map(len, body))
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    return b"".join((head.encode(), *body))


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Respond to each complete request; requests have no bodies."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            response = self._pages.respond(head.split(b" ", 2)[1].decode())
            if self._pages.latency:
                asyncio.get_running_loop().call_later(self._pages.latency, self._transport.write, response)
            else:
                self._transport.write(response)


def main() -> None:
    """Render, then serve until stopped."""
    serve_scenario(lambda scenario: partial(Connection, Pages(Scenario(**scenario))))


if __name__ == "__main__":
    main()
