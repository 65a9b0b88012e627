"""The benchmark of exports: its server's pages, and that floor and peers read every row."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.exports.__main__ import comparisons, lines
from benchmarks.exports.contender import CONTENDERS, slices
from benchmarks.exports.floor import floor
from benchmarks.exports.peers import aiohttp_16, requests_loop
from benchmarks.exports.scenario import Scenario, schedule_count
from benchmarks.exports.server import Pages
from benchmarks.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERS = Scenario(what="users", users=25, page_size=10, latency=0.001)
SCHEDULES = Scenario(what="schedules", users=210, page_size=100, latency=0)


@contextmanager
def server(scenario: Scenario) -> Iterator[int]:
    with serving("benchmarks.exports.server", json.dumps(scenario.arguments())) as port:
        yield port


def body(pages: Pages, target: str) -> Any:
    return json.loads(pages.respond(target).partition(b"\r\n\r\n")[2])


def test_server_pages_users_and_ends_with_empty_page() -> None:
    pages = Pages(USERS)
    found = [body(pages, f"/api/v2/user?startIndex={start}&maxResults=10") for start in (0, 10, 20, 25)]
    assert [len(page["results"]) for page in found] == [10, 10, 5, 0]
    assert [user["id"] for page in found for user in page["results"]] == list(range(1, 26))
    assert {page["meta"]["totalResultCount"] for page in found} == {25}
    overlapping = body(pages, "/api/v2/user?startIndex=9&maxResults=10")
    assert [user["id"] for user in overlapping["results"]] == list(range(10, 20))
    assert b"400" in pages.respond("/api/v2/user?startIndex=0&maxResults=11")
    assert pages.requests == 6


def test_server_lists_schedules_without_meta() -> None:
    pages = Pages(SCHEDULES)
    for user in (1, 20, 100, 200):
        whole = body(pages, f"/api/v2/user/{user}/lesson_schedule?startIndex=0&maxResults=100")
        assert list(whole) == ["results"]
        assert {row["userId"] for row in whole["results"]} <= {user}
        assert len(whole["results"]) == schedule_count(user)
        rest = body(pages, f"/api/v2/user/{user}/lesson_schedule?startIndex={schedule_count(user)}")
        assert rest == {"results": []}
    assert b"404" in pages.respond("/api/v2/user/211/lesson_schedule")


@pytest.mark.parametrize("scenario", [USERS, SCHEDULES], ids=lambda scenario: scenario.what)
def test_floor_and_peers_read_every_row(scenario: Scenario, tmp_path: Path) -> None:
    with server(scenario) as port:
        assert floor(scenario, port, 3) == scenario.rows
        for peer in (requests_loop, aiohttp_16):
            found: list[dict[str, Any]] = []
            peer(scenario, f"http://127.0.0.1:{port}", found.extend)
            assert len({row["id"] for row in found}) == len(found) == scenario.rows
        if scenario.what == "users":
            assert slices(scenario, port, tmp_path) == scenario.rows


def test_table_shows_ratios_of_rates() -> None:
    cost = {"cpu": 1.0, "memory": 2.0, "requests": 3.0}
    ours = {"rows": 100.0, "seconds": 1.0, **cost}
    slow = {"rows": 50.0, "seconds": 5.0, **cost}
    found = lines("x", {"damstra x16": ours, "damstra x32": {**ours, "seconds": 0.5}, "dlt": slow})
    assert found[-1] == "| x | dlt | 50 | 5.00 | 10 | 1.00 | 2 | 3 | 10.00 | 20.00 |"


def test_all_contenders_are_compared() -> None:
    assert {name for comparison in comparisons(1000).values() for name in comparison.contenders} == set(
        CONTENDERS
    )
