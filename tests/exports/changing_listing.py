"""A listing whose rows change while it is read: a client that paginates like ``AsyncClient`` without HTTP."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_damstra.clients.pagination import OffsetPaginator
from airflow_provider_damstra.http import Response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from airflow_provider_damstra.http import Request


class ChangingListing:
    """A client with one listing of ids, as ``open_client`` of a ``ResourceReader`` returns it.

    :ivar ids: the rows, which may change between two responses.
    :ivar requested_rows: the first row of each requested page.
    :param change: called after each response.
    :param has_total: whether the server sends the number of rows.
    :param max_rows: the server's limit of rows per page.
    """

    def __init__(
        self,
        ids: list[int],
        *,
        size: int,
        change: Callable[[list[int]], None] = lambda ids: None,
        has_total: bool = True,
        max_rows: int = 1000,
        seed: int = 0,
    ) -> None:
        self.ids = ids
        self.requested_rows: list[int] = []
        self.change = change
        self._size = size
        self._has_total = has_total
        self._max_rows = max_rows
        self._random = random.Random(seed)  # noqa: S311

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def pages(
        self, endpoint: Any, *, start: int = 0, concurrency: int | None = None, reader: Any = None
    ) -> AsyncGenerator[Any, None]:
        """Yield pages; the server responds to concurrent requests in random order."""
        paginator: OffsetPaginator[Any] = OffsetPaginator(endpoint, page_size=self._size, start=start)
        in_flight: list[Request] = []
        responses: dict[Request, Response] = {}
        while not paginator.is_finished:
            in_flight += paginator.next_requests((concurrency or 1) - len(in_flight))
            request = in_flight.pop(0)
            unanswered = [one for one in in_flight if one not in responses]
            early = self._random.sample(unanswered, self._random.randint(0, len(unanswered)))
            for one in (*early, *([] if request in responses else [request])):
                responses[one] = self._respond(one)
            page = reader.read(endpoint, request, responses.pop(request))
            rows, is_plan_void = paginator.accept(page)
            if is_plan_void:
                in_flight.clear()
                responses.clear()
            if page.row_count:
                yield rows

    def _respond(self, request: Request) -> Response:
        query = dict(request.query)
        start, size = int(query["startIndex"]), min(int(query["maxResults"]), self._max_rows)
        self.requested_rows.append(start)
        body: dict[str, Any] = {"results": [{"id": one} for one in self.ids[start : start + size]]}
        if self._has_total:
            body["meta"] = {"totalResultCount": len(self.ids)}
        self.change(self.ids)
        return Response(status=200, headers={}, body=json.dumps(body).encode())
