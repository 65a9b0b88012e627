"""Pages asked for ahead: many in flight, few in memory, none left open."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_damstra.clients.ahead import READERS, PagesAhead
from airflow_provider_damstra.endpoints import ListUsers
from tests.clients.clock import until

if TYPE_CHECKING:
    from concurrent.futures import Future

    from airflow_provider_damstra.wire import Request

MOST = 16
REQUESTS = [ListUsers().page_request(start=start, size=1) for start in range(MOST)]


def start_of(request: Request) -> int:
    return int(dict(request.query)["startIndex"])


class Answer:
    """An answer that has begun."""

    def __init__(self, server: Server, start: int) -> None:
        self.server = server
        self.start = start

    def close(self) -> None:
        self.server.note(self.server.closed, self.start)


class Server:
    """Keeps what was asked, read and closed; fails where it is told to."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.asked: list[int] = []
        self.read: list[int] = []
        self.closed: list[int] = []
        self.fails_at = fails_at
        self._lock = threading.Lock()

    def note(self, where: list[int], start: int) -> None:
        with self._lock:
            where.append(start)

    def ask(self, request: Request) -> Any:
        self.note(self.asked, start_of(request))
        if start_of(request) == self.fails_at:
            raise ValueError("no")
        return Answer(self, start_of(request))

    def page(self, request: Request, opened: Future[Any]) -> int:
        start: int = opened.result().start
        self.note(self.read, start)
        return start


def test_all_are_asked_and_few_are_read_until_they_are_taken() -> None:
    server = Server()
    with closing(PagesAhead(server.ask, server.page, most=MOST)) as ahead:
        ahead.ask_for(REQUESTS)
        until(lambda: len(server.asked) == MOST and len(server.read) == READERS, "what may be ahead is ahead")
        for start in range(MOST):
            assert ahead.take() == start
            assert len(server.read) <= start + 1 + READERS
        assert len(ahead) == 0
    assert server.closed == []


@pytest.mark.parametrize("taken", [0, 1, 7])
def test_answers_that_nobody_reads_are_closed(taken: int) -> None:
    server = Server()
    ahead: PagesAhead[int] = PagesAhead(server.ask, server.page, most=MOST)
    ahead.ask_for(REQUESTS)
    until(lambda: len(server.asked) == MOST, "all are asked")
    assert [ahead.take() for _ in range(taken)] == list(range(taken))
    ahead.close()
    until(lambda: len(server.read) + len(server.closed) == MOST, "each answer is read or closed")
    assert sorted(server.read + server.closed) == list(range(MOST))


def test_a_page_that_fails_fails_in_its_turn() -> None:
    server = Server(fails_at=2)
    with closing(PagesAhead(server.ask, server.page, most=MOST)) as ahead:
        ahead.ask_for(REQUESTS)
        assert [ahead.take(), ahead.take()] == [0, 1]
        with pytest.raises(ValueError, match="no"):
            ahead.take()
        assert ahead.take() == 3


def test_what_was_dropped_is_not_taken() -> None:
    server = Server()
    with closing(PagesAhead(server.ask, server.page, most=MOST)) as ahead:
        ahead.ask_for(REQUESTS)
        assert ahead.take() == 0
        ahead.drop()
        assert len(ahead) == 0
        ahead.ask_for(REQUESTS[5:7])
        assert [ahead.take(), ahead.take()] == [5, 6]
