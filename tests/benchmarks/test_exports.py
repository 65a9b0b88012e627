from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_damstra.models.user import User
from benchmarks.exports.floor import floor
from benchmarks.exports.report import LINES, Results, Target, median, memory_lines
from benchmarks.exports.scenario import SCHEDULES_PER_USER, Scenario
from benchmarks.exports.server import Pages
from benchmarks.serving import serving


def scenario(what: str) -> Scenario:
    return Scenario(what=what, users=25, page_size=10, latency=0)


def body(pages: Pages, target: str) -> Any:
    head, _, content = pages.answer(target).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(content)}".encode() in head
    return json.loads(content)


def test_pages_hold_every_user_once() -> None:
    pages = Pages(scenario("lines"))
    rows = [
        row
        for start in (0, 10, 20, 30)
        for row in body(pages, f"/api/v2/user?startIndex={start}&maxResults=10")["results"]
    ]
    assert [User.model_validate(row).id for row in rows] == list(range(1, 26))
    assert pages.requests == 4


def test_another_page_size_is_refused() -> None:
    assert pages_status("/api/v2/user?startIndex=0&maxResults=7") == b"400"


def test_an_unknown_path_is_not_found() -> None:
    assert pages_status("/api/v2/lesson") == b"404"


def pages_status(target: str) -> bytes:
    return Pages(scenario("lines")).answer(target).split(b" ", 2)[1]


def test_schedules_belong_to_their_user_and_end() -> None:
    pages = Pages(scenario("schedules"))
    rows = body(pages, "/api/v2/user/7/lesson_schedule?startIndex=0&maxResults=10")["results"]
    assert [row["userId"] for row in rows] == [7] * SCHEDULES_PER_USER
    assert body(pages, "/api/v2/user/7/lesson_schedule?startIndex=10&maxResults=10")["results"] == []


@pytest.mark.parametrize("what", ["lines", "schedules"])
def test_the_floor_reads_every_row_off_a_socket(what: str) -> None:
    of = scenario(what)
    with serving("benchmarks.exports.server", json.dumps(of.arguments())) as port:
        assert floor(of, port, concurrency=4) == of.rows


def results(slow: float, fast: float) -> Results:
    return {(LINES, "slow"): [{"seconds": slow}], (LINES, "fast"): [{"seconds": fast}]}


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (Target(scenario=LINES, slow="slow", fast="fast", least=4), "| 4.00 | met |"),
        (Target(scenario=LINES, slow="slow", fast="fast", least=4.1), "| 4.00 | NOT MET |"),
        (Target(scenario=LINES, slow="slow", fast="fast", most=4), "| 4.00 | met |"),
        (Target(scenario=LINES, slow="slow", fast="fast", most=3.9), "| 4.00 | NOT MET |"),
        (Target(scenario=LINES, slow="absent", fast="fast", most=4), "| - | not measured |"),
    ],
)
def test_a_target_says_whether_it_is_met(target: Target, verdict: str) -> None:
    assert target.line(results(8.0, 2.0)).endswith(verdict)


def test_the_median_is_of_each_measure() -> None:
    rounds = [{"seconds": 3.0, "cpu": 1.0}, {"seconds": 1.0, "cpu": 9.0}, {"seconds": 2.0, "cpu": 2.0}]
    assert median(rounds) == {"seconds": 2.0, "cpu": 2.0}


def test_memory_is_held_against_its_most() -> None:
    lines = memory_lines({("lines, 50 ms, 1000", "damstra x16"): [{"memory": 15.1}]})
    assert [line.rsplit("| ", 1)[1] for line in lines] == ["NOT MET |"]
