"""A worker is killed between request and answer: the next attempt knows its own work, and returns it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from demo.waiting import wait_until
from tests.system.evidence import PATIENCE, Run

if TYPE_CHECKING:
    from demo.emulator_instance import Row
    from demo.onboarding import Stage
    from tests.system.academy import Academy

pytestmark = pytest.mark.system

DAG_ID, NAME = "strict_steps", "Strict"
STEPS = {"create": "/group", "join": "/group/*/add_members"}


def sent(academy: Academy, task_id: str) -> list[Row]:
    """Return the requests of a step that have been handled; other DAGs create groups too."""
    entries = academy.requests(method="POST", path=STEPS[task_id])
    return [entry for entry in entries if entry["body"].get("name", NAME) == NAME]


def kill_in_the_middle(run: Run, academy: Academy, task_id: str) -> None:
    """Kill a task's process when its request has been handled, and before it has read the answer."""
    path = STEPS[task_id]
    wait_until(lambda: academy.is_delaying(path), what=f"the request of {task_id}", seconds=PATIENCE)
    pid = run.row(task_id)["pid"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: sent(academy, task_id), what="its handling", seconds=PATIENCE)
    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def run(stage: Stage, academy: Academy) -> Run:
    """Run both steps, and kill the first attempt of each."""
    api = stage.airflow.api
    wait_until(lambda: api.has_dag(DAG_ID), what=f"the DAG {DAG_ID}", seconds=PATIENCE)
    for path in STEPS.values():
        academy.delay(path, seconds=5)
    run = Run(stage.airflow, DAG_ID, api.trigger(DAG_ID, {"user_ids": academy.users(1, 2)}))
    for task_id in STEPS:
        kill_in_the_middle(run, academy, task_id)
    run.end()
    return run


def test_each_step_is_done_at_its_second_attempt(run: Run) -> None:
    assert run.state == "success"
    assert {name: run.tasks[name].try_number for name in STEPS} == dict.fromkeys(STEPS, 2)


def test_each_request_was_sent_once(run: Run, academy: Academy) -> None:
    assert {name: len(sent(academy, name)) for name in STEPS} == dict.fromkeys(STEPS, 1)


def test_the_second_attempt_returns_what_the_first_did(run: Run, academy: Academy) -> None:
    group_id = run.xcom("create")
    assert academy.http.get_json(f"/group/{group_id}")["name"] == NAME
    assert run.xcom("join") == academy.users(1, 2)
