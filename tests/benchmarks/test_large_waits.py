"""The benchmark of large waits: its conditions, and the server's members of a group."""

from __future__ import annotations

import json

import pytest
import requests

from airflow_provider_damstra.conditions.base import create_condition
from airflow_provider_damstra.triggers.wait import CONDITIONS
from benchmarks.large_waits.contender import CONTENDERS
from benchmarks.serving import serving
from benchmarks.waits.scenario import Scenario

SCENARIO = Scenario(waits=3, users=3, interval=1, seconds=1, start=0)


@pytest.mark.parametrize("name", CONTENDERS)
def test_condition_of_each_wait_is_valid(name: str) -> None:
    waits = CONTENDERS[name](SCENARIO)
    assert max(wait.over_at for wait in waits) == max(SCENARIO.completed_at)
    for wait in waits:
        trigger = wait.create()
        arguments = {name: getattr(trigger, name) for name in trigger._argument_names}
        assert create_condition(CONDITIONS[trigger.condition], arguments).queries()


def test_server_pages_members() -> None:
    with serving("benchmarks.waits.server", json.dumps(SCENARIO.arguments())) as port:
        address = f"http://127.0.0.1:{port}/api/v2/group/1/member"
        pages = [
            requests.get(address, params={"startIndex": start, "maxResults": 2}, timeout=10).json()["results"]
            for start in (0, 2, 3)
        ]
    assert [[user["id"] for user in page] for page in pages] == [[1, 2], [3], []]
