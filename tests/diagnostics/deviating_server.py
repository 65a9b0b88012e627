"""A server that forwards requests to the emulator, and deviates from it in one way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from tests.contract.stub import RecordedRequest, stub_server
from tests.contract.table import API, StubResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator

    Query = list[tuple[str, str]]


@dataclass
class Answer:
    """A response that may be changed before it is sent; a body that is not JSON is None."""

    status: int
    body: Any
    content_type: str


@dataclass(frozen=True)
class Deviation:
    """A change of requests or of responses.

    :param path: pattern of the paths that it applies to, below ``/api/v2``.
    """

    path: str
    change_query: Callable[[Query], Query] = lambda query: query
    change_answer: Callable[[Answer], None] = lambda _: None


def ignore(path: str, name: str) -> Deviation:
    """Ignore a query parameter."""
    return Deviation(path, lambda query: [pair for pair in query if pair[0] != name])


def replace(path: str, name: str, value: str) -> Deviation:
    """Handle a query parameter as if it had another value."""
    return Deviation(path, lambda query: [(key, value if key == name else given) for key, given in query])


def first_only(path: str) -> Deviation:
    """Ignore a query parameter that is given again."""
    return Deviation(path, lambda query: list(dict(reversed(query)).items()))


def status(path: str, code: int) -> Deviation:
    """Respond with another status."""
    return Deviation(path, change_answer=lambda answer: setattr(answer, "status", code))


def members(path: str, **changes: Any) -> Deviation:
    """Change members of the body; ``absent`` removes one."""
    return Deviation(path, change_answer=lambda answer: _update(answer.body, changes))


def rows(path: str, **changes: Any) -> Deviation:
    """Change members of each row."""

    def change(answer: Answer) -> None:
        for row in _results(answer):
            _update(row, changes)

    return Deviation(path, change_answer=change)


def results(path: str, change: Callable[[list[Any]], list[Any]]) -> Deviation:
    """Change the list of rows."""

    def change_answer(answer: Answer) -> None:
        if _results(answer):
            answer.body["results"] = change(answer.body["results"])

    return Deviation(path, change_answer=change_answer)


ABSENT = object()


def _results(answer: Answer) -> list[Any]:
    found: list[Any] = answer.body.get("results", []) if isinstance(answer.body, dict) else []
    return found


def _update(record: Any, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if value is ABSENT:
            record.pop(name, None)
        else:
            record[name] = value(record) if callable(value) else value


class DeviatingServer:
    """Forward requests to an emulator.

    :ivar deviation: how it deviates; None for not at all.
    """

    def __init__(self, emulator: DamstraEmulator) -> None:
        self.deviation: Deviation | None = None
        self._emulator = emulator
        self._session = requests.Session()
        self._session.trust_env = False

    def respond(self, request: RecordedRequest) -> StubResponse:
        """Return the emulator's response, or another one."""
        path, query = request.path.removeprefix(API), request.query
        deviation = self.deviation
        if deviation is None or not re.fullmatch(deviation.path, path):
            return self._send(path, query, request).response
        answer = self._send(path, deviation.change_query(query), request)
        deviation.change_answer(answer)
        return answer.response

    def _send(self, path: str, query: Query, request: RecordedRequest) -> _ForwardedAnswer:
        key = request.headers.get("accesskey", "")
        response = self._session.get(
            self._emulator.url + API + path, params=query, headers={"AccessKey": key}, timeout=60
        )
        return _ForwardedAnswer(response)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class _ForwardedAnswer(Answer):
    def __init__(self, response: requests.Response) -> None:
        content_type = response.headers.get("content-type", "")
        is_json = content_type.startswith("application/json")
        super().__init__(response.status_code, response.json() if is_json else None, content_type)
        self._content = response.content

    @property
    def response(self) -> StubResponse:
        """Return the response to send."""
        content = self._content if self.body is None else json.dumps(self.body).encode()
        return StubResponse(content, content_type=self.content_type, status=self.status)


@contextmanager
def deviating_server(emulator: DamstraEmulator) -> Iterator[tuple[DeviatingServer, str]]:
    """Yield a running server, and the base URL of its API."""
    server = DeviatingServer(emulator)
    try:
        with stub_server(server.respond) as stub:
            yield server, stub.base_url
    finally:
        server.close()
