"""The benchmark of two triggerers: the triggers it inserts, and its table."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.measuring import ACCESS_KEY
from benchmarks.serving import serving
from benchmarks.triggerers.__main__ import COLUMNS, row
from benchmarks.triggerers.cluster import LAG_TRIGGERS
from benchmarks.triggerers.database import damstra, date_time, triggers
from benchmarks.waits.scenario import Scenario

if TYPE_CHECKING:
    import pytest

SCENARIO = Scenario(waits=60, users=6, interval=7.0, seconds=1, start=4e9, completed_share=0.1)


def test_part_of_schedules_is_completed() -> None:
    large = Scenario(waits=10_000, users=10, interval=1, seconds=1, start=0, completed_share=0.1)
    assert 900 < sum(map(math.isfinite, large.completed_at)) < 1100


def test_triggers_are_those_of_the_sensor(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving("benchmarks.waits.server", json.dumps(SCENARIO.arguments())) as port:
        connection = {"conn_type": "damstra", "host": f"http://127.0.0.1:{port}", "password": ACCESS_KEY}
        monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(connection))
        classpath, arguments = damstra(SCENARIO)(8).serialize()
    assert classpath == "airflow_provider_damstra.triggers.wait.DamstraWaitTrigger"
    assert (arguments["lesson_schedule_ids"], arguments["users_by_schedule"]) == ([8], {"8": 2})
    assert (arguments["condition"], arguments["poll_interval"]) == ("LessonScheduleCondition", 7.0)
    assert arguments["deadline"] > datetime.now(UTC).timestamp()


def test_peer_waits_for_same_times() -> None:
    create = date_time(SCENARIO)
    moments = [create(one).serialize()[1]["moment"].timestamp() for one in range(1, 61)]
    early = [moment for moment in moments if moment <= SCENARIO.start + SCENARIO.seconds]
    assert len(early) == sum(map(math.isfinite, SCENARIO.completed_at))


def test_lag_triggers_are_spread_over_waits() -> None:
    found = list(triggers(SCENARIO, date_time(SCENARIO), "folder"))
    assert Counter(task for task, _, _ in found) == {"wait": 60, "lag": LAG_TRIGGERS}
    assert [index for task, index, _ in found if task == "lag"] == list(range(3, 61, 3))


def test_table_shows_requests_per_user_and_poll() -> None:
    usage = {"runners_cpu": 1.0, "supervisors_cpu": 2.0, "memory": 300.0, "started": 4.0}
    waits = {"contender": "damstra", "waits": 100, "users": 10, "requests": 60}
    cells = row({**waits, **usage, "lags": [0.001, 0.002, 0.003], "delays": [1.0, 2.0]}).split(" | ")
    assert len(cells) == len(COLUMNS)
    assert cells[COLUMNS.index("per user and poll")] == "2.00"
