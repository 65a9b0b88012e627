"""The benchmark of training statuses: both contenders read each person once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.exports.scenario import Scenario
from benchmarks.measuring import connect
from benchmarks.serving import serving
from benchmarks.training_status.contender import CONTENDERS

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = Scenario(what="schedules", users=210, page_size=100, latency=0)


@pytest.mark.parametrize("name", ["floor x16", "damstra x16"])
def test_contender_reads_each_person(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logging.disable", lambda level: None)
    for variable in ("AIRFLOW_CONN_DAMSTRA_DEFAULT", "AIRFLOW_CONN_HTTP_DEFAULT"):
        monkeypatch.setenv(variable, "")
    with serving("benchmarks.training_status.server", json.dumps(SCENARIO.arguments())) as port:
        connect(port)
        assert CONTENDERS[name](SCENARIO, port, tmp_path / "rows.jsonl") == SCENARIO.users
