"""Benchmarks with few and with many rows: what is kept on disk is measured, and growth is by row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.exports import growth
from benchmarks.exports.growth_contender import CONTENDERS, SIZES
from benchmarks.exports.scenario import Scenario
from benchmarks.measuring import connect
from benchmarks.serving import serving
from benchmarks.to_sql import __main__ as to_sql
from benchmarks.to_sql.contender import copy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgresql import PostgreSQL

USERS = Scenario(what="users", users=250, page_size=100, latency=0)
SCHEDULES = Scenario(what="schedules", users=210, page_size=100, latency=0)


@pytest.fixture(autouse=True)
def _connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logging.disable", lambda level: None)
    for variable in ("AIRFLOW_CONN_DAMSTRA_DEFAULT", "AIRFLOW_CONN_HTTP_DEFAULT"):
        monkeypatch.setenv(variable, "")


@pytest.mark.parametrize(
    ("name", "scenario"),
    [("damstra", SCHEDULES), ("damstra, incremental", USERS)],
    ids=["checkpoint", "state"],
)
def test_size_of_what_is_kept_is_measured(name: str, scenario: Scenario, tmp_path: Path) -> None:
    SIZES["kept"] = 0
    with serving("benchmarks.exports.server", json.dumps(scenario.arguments())) as port:
        connect(port)
        assert CONTENDERS[name](scenario, port, tmp_path / "rows.jsonl") == scenario.rows
    assert SIZES["kept"] > 0


def test_copy_loads_every_row(postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps(postgresql.connection_fields(database)))
    with serving("benchmarks.exports.server", json.dumps(USERS.arguments())) as port:
        assert copy(USERS, f"http://127.0.0.1:{port}") == USERS.rows
    with postgresql.connected(database) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (USERS.rows,)


def test_growth_is_by_row() -> None:
    few = {"rows": 10.0, "seconds": 1.0, "cpu": 1.0, "memory": 20.0}
    many = {"rows": 100.0, "seconds": 10.0, "cpu": 15.0, "memory": 30.0, "kept": 2.0}
    found = growth.line("damstra", many, few, SCHEDULES)
    assert found == "| schedules | damstra | 210 | 100 | 10.0 | 15.0 | 30 | 2.0 | 1.50 | 1.50 |"
    (line, _) = to_sql.lines("x", [many, many], [few, few], rows=100, factor=10)
    assert line == "| x | first | 100 | 10.00 | 10 | 15.00 | 30 | 1.50 |"
