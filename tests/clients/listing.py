"""Servers of one listing, without a socket: how they answer, and how a client follows them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_damstra.clients.paging import Paging
from airflow_provider_damstra.endpoints import ListUsers
from airflow_provider_damstra.models import Page, PageMeta, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_damstra.http import Request


@dataclass
class Listing:
    """Some number of users.

    :param caps: the most rows on one page, on each in turn.
    :param total: what the server says of the number of rows, given the true one.
    """

    rows: int
    caps: Sequence[int] = (1_000_000,)
    total: Callable[[int], int | None] = lambda rows: rows
    ignores_start: bool = False
    asked: list[tuple[int, int]] = field(default_factory=list)

    def page(self, request: Request) -> Page[User]:
        """Return the page that a request asks for."""
        query = dict(request.query)
        start, size = int(query["startIndex"]), int(query["maxResults"])
        most = min(size, self.caps[len(self.asked) % len(self.caps)])
        self.asked.append((start, size))
        first = 0 if self.ignores_start else start
        ids = range(first, min(first + most, self.rows))
        total = self.total(self.rows)
        meta = None if total is None else PageMeta(total_result_count=total)
        return Page[User](results=[User(id=one) for one in ids], meta=meta)


def follow(server: Listing, *, page_size: int, concurrency: int = 1) -> Iterator[int]:
    """Yield the ids of a listing as both clients do, but the requests in flight are answered in order."""
    paging = Paging(ListUsers(), page_size=page_size)
    pending: deque[Page[User]] = deque()
    while not paging.is_over:
        pending.extend(server.page(request) for request in paging.plan(concurrency - len(pending)))
        rows, rest_is_void = paging.accept(pending.popleft())
        if rest_is_void:
            pending.clear()
        for user in rows:
            yield user.id
