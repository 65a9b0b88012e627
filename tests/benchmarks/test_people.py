"""The benchmark of many people: each operator serves all, and floor and peer send the same requests again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import requests

from benchmarks.measuring import connect
from benchmarks.people.__main__ import line
from benchmarks.people.contender import run
from benchmarks.people.operators import OPERATORS
from benchmarks.people.replay import floor, requests_loop
from benchmarks.people.scenario import Scenario
from benchmarks.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = 300
WRITES = {
    "upsert, all new": {"bulkUserImport": 3},
    "upsert, unchanged": {},
    "sync, plan": {},
    # Three people are new, in one group, and join it; three others move between two of the six groups.
    "sync, apply": {"group": 1, "bulkUserImport": 1},
    "schedule": {"lesson_schedule": PEOPLE},
    "matrix": {},
}
"""The number of requests that change something, by the last part of the path, without groups and statuses."""


@pytest.mark.parametrize("task", OPERATORS)
def test_operator_serves_all_people_and_is_replayed(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logging.disable", lambda level: None)
    for variable in ("AIRFLOW_CONN_DAMSTRA_DEFAULT", "AIRFLOW_CONN_HTTP_DEFAULT"):
        monkeypatch.setenv(variable, "")
    journal = tmp_path / "journal.json"
    scenario = Scenario(task=task, people=PEOPLE, journal=str(journal))
    with serving("benchmarks.people.server", json.dumps(scenario.arguments())) as port:
        connect(port)
        assert run("damstra", scenario, port, tmp_path / "rows.jsonl")["xcoms"] > 0
        sent = requests.get(f"http://127.0.0.1:{port}/journal", timeout=10).json()
        names = [target.rpartition("/")[2] for method, target, _ in sent if method == "POST"]
        for name in ("group", "bulkUserImport", "lesson_schedule"):
            assert names.count(name) == WRITES[task].get(name, 0)
        journal.write_text(json.dumps(sent))
        assert floor(scenario, port, 3) == requests_loop(scenario, port) == PEOPLE
        assert requests.get(f"http://127.0.0.1:{port}/stats", timeout=10).json()["requests"] == 3 * len(sent)


def test_line_shows_the_growth() -> None:
    small = {
        "seconds": 1.0,
        "cpu": 0.5,
        "memory": 10.0,
        "requests": 4.0,
        "state": 0.0,
        "xcoms": 0.0,
        "file": 0.0,
    }
    large = {**small, "seconds": 12.0, "cpu": 5.0, "memory": 105.0}
    assert line("x", 50, "damstra", large, small).endswith("| 12.0 | 10.0 | 10.5 |")
    assert line("x", 5, "damstra", small, None).endswith("| 0.0 |  |  |  |")
