"""Alternatives for reading the API without this provider; each passes the rows of each page to a sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.exports.scenario import Scenario

Rows = list[dict[str, Any]]
Parameters = dict[str, int]
Sink = Callable[[Rows], None]
Peer = Callable[[Scenario, str, Sink], None]
HEADERS = {"accesskey": "key"}


def requests_loop(scenario: Scenario, address: str, sink: Sink) -> None:
    """Read one page after the other with requests, and the schedules of one user after the other."""
    import requests

    with requests.Session() as session:
        session.headers.update(HEADERS)

        def rows_of(path: str, parameters: Parameters) -> Rows:
            response = session.get(f"{address}{path}", params=parameters, timeout=60)
            response.raise_for_status()
            rows: Rows = response.json()["results"]
            return rows

        for path, parameters in _calls(scenario):
            while rows := rows_of(path, parameters):
                sink(rows)
                if not _advance(scenario, parameters, rows):
                    break


def _calls(scenario: Scenario) -> Iterator[tuple[str, Parameters]]:
    if scenario.what == "schedules":
        for user in range(1, scenario.users + 1):
            yield f"/api/v2/user/{user}/lesson_schedule", _page(scenario, 0)
        return
    for start in range(0, scenario.users, scenario.page_size):
        yield "/api/v2/user", _page(scenario, start)


def _page(scenario: Scenario, start: int) -> Parameters:
    return {"startIndex": start, "maxResults": scenario.page_size}


def _advance(scenario: Scenario, parameters: Parameters, rows: Rows) -> bool:
    """Advance the parameters to the next page and return whether it has to be requested.

    Schedules are listed without their number, so an empty page ends each user's listing.
    """
    parameters["startIndex"] += len(rows)
    return scenario.what == "schedules"


def aiohttp_16(scenario: Scenario, address: str, sink: Sink) -> None:
    """Read with 16 requests of aiohttp in flight; the rows are not in order."""
    asyncio.run(_aiohttp(scenario, address, sink))


async def _aiohttp(scenario: Scenario, address: str, sink: Sink) -> None:
    import aiohttp

    calls = _calls(scenario)

    async def rows_of(session: aiohttp.ClientSession, path: str, parameters: Parameters) -> Rows:
        async with session.get(f"{address}{path}", params=parameters) as response:
            response.raise_for_status()
            rows: Rows = (await response.json())["results"]
            return rows

    async def work(session: aiohttp.ClientSession) -> None:
        for path, parameters in calls:
            while rows := await rows_of(session, path, parameters):
                sink(rows)
                if not _advance(scenario, parameters, rows):
                    break

    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await asyncio.gather(*(work(session) for _ in range(16)))


def http_operator(scenario: Scenario, address: str, sink: Sink) -> None:
    """Follow pages with HttpOperator's ``pagination_function``, as its documentation shows."""
    from airflow.providers.http.operators.http import HttpOperator

    def next_page(response: Any) -> dict[str, Any] | None:
        meta = response.json()["meta"]
        if meta["endIndex"] >= meta["totalResultCount"]:
            return None
        return {"data": {"startIndex": meta["endIndex"], "maxResults": scenario.page_size}}

    def write(responses: list[Any]) -> None:
        for response in responses:
            sink(response.json()["results"])

    HttpOperator(
        task_id="users",
        method="GET",
        endpoint="api/v2/user",
        data={"startIndex": 0, "maxResults": scenario.page_size},
        headers=HEADERS,
        pagination_function=next_page,
        response_filter=write,
    ).execute_sync({})


def dlt(scenario: Scenario, address: str, sink: Sink) -> None:
    """Follow pages with dlt's RESTClient, as its documentation shows."""
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

    paginator = OffsetPaginator(
        limit=scenario.page_size,
        offset_param="startIndex",
        limit_param="maxResults",
        total_path="meta.totalResultCount",
    )
    client = RESTClient(base_url=address, headers=HEADERS, paginator=paginator, data_selector="results")
    for rows in client.paginate("/api/v2/user"):
        sink(rows)


PEERS: dict[str, Peer] = {
    "requests": requests_loop,
    "aiohttp x16": aiohttp_16,
    "HttpOperator": http_operator,
    "dlt": dlt,
}
