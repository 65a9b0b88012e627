"""A listing whose rows move while it is read: a client that pages as ours does, and a server that changes."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.clients.pagination import OffsetPaginator
from airflow_provider_damstra.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.http import Request


class Moving:
    """Answers for a listing of ids.

    :ivar ids: the rows, which may change between two answers.
    :ivar asked: where each page that was asked for begins.
    :param change: is called after each answer.
    :param has_total: whether the server says how many rows there are.
    :param cap: the most rows of a page.
    """

    def __init__(
        self,
        ids: list[int],
        *,
        size: int,
        change: Callable[[list[int]], None] = lambda ids: None,
        has_total: bool = True,
        cap: int = 1000,
        seed: int = 0,
    ) -> None:
        self.ids = ids
        self.asked: list[int] = []
        self._size = size
        self.change = change
        self._has_total = has_total
        self._cap = cap
        self._random = random.Random(seed)  # noqa: S311

    def pages(self, endpoint: Any, *, concurrency: int | None = None, reader: Any = None) -> Iterator[Any]:
        """Yield pages; those in flight are answered in any order."""
        paging: OffsetPaginator[Any] = OffsetPaginator(endpoint, page_size=self._size)
        in_flight: list[Request] = []
        answers: dict[Request, Response] = {}
        while not paging.is_finished:
            in_flight += paging.next_requests((concurrency or 1) - len(in_flight))
            request = in_flight.pop(0)
            unanswered = [one for one in in_flight if one not in answers]
            early = self._random.sample(unanswered, self._random.randint(0, len(unanswered)))
            for one in (*early, *([] if request in answers else [request])):
                answers[one] = self._answer(one)
            page = reader.read(endpoint, request, answers.pop(request))
            rows, rest_is_void = paging.accept(page)
            if rest_is_void:
                in_flight.clear()
                answers.clear()
            if page.row_count:
                yield rows

    def _answer(self, request: Request) -> Response:
        query = dict(request.query)
        start, size = int(query["startIndex"]), min(int(query["maxResults"]), self._cap)
        self.asked.append(start)
        body: dict[str, Any] = {"results": [{"id": one} for one in self.ids[start : start + size]]}
        if self._has_total:
            body["meta"] = {"totalResultCount": len(self.ids)}
        self.change(self.ids)
        return Response(status=200, headers={}, body=json.dumps(body).encode())
