"""A listing without a socket, and the ids that a paginator reads from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_damstra.clients.pagination import OffsetPaginator
from airflow_provider_damstra.endpoints import ListUsers
from airflow_provider_damstra.models import Page, PageMeta, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_damstra.http import Request


@dataclass
class FakeListing:
    """A server of some users.

    :param caps: the most rows on one page, for each page in turn.
    :param total: returns the total that the server reports, given the true one.
    """

    rows: int
    caps: Sequence[int] = (1_000_000,)
    total: Callable[[int], int | None] = lambda rows: rows
    ignores_start: bool = False
    requested: list[tuple[int, int]] = field(default_factory=list)

    def page(self, request: Request) -> Page[User]:
        """Return the page for a request."""
        query = dict(request.query)
        start, size = int(query["startIndex"]), int(query["maxResults"])
        limit = min(size, self.caps[len(self.requested) % len(self.caps)])
        self.requested.append((start, size))
        first = 0 if self.ignores_start else start
        ids = range(first, min(first + limit, self.rows))
        total = self.total(self.rows)
        meta = None if total is None else PageMeta(total_result_count=total)
        return Page[User](results=[User(id=user_id) for user_id in ids], meta=meta)


def read_ids(listing: FakeListing, *, page_size: int, concurrency: int = 1) -> Iterator[int]:
    """Yield the ids of a listing as both clients do, but respond to the requests in flight in order."""
    paginator = OffsetPaginator(ListUsers(), page_size=page_size)
    pending: deque[Page[User]] = deque()
    while not paginator.is_finished:
        pending.extend(
            listing.page(request) for request in paginator.next_requests(concurrency - len(pending))
        )
        rows, is_plan_void = paginator.accept(pending.popleft())
        if is_plan_void:
            pending.clear()
        for user in rows:
            yield user.id
