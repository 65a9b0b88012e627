"""A worker killed between request and response: the next try recognises and returns its own changes."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from demo.waiting import wait_until
from tests.system.dag_runs import TIMEOUT, DagRun

if TYPE_CHECKING:
    from demo.emulator_instance import Row
    from demo.onboarding import DemoEnvironment
    from tests.system.large_emulator import LargeEmulator

pytestmark = pytest.mark.system

DAG_ID, NAME = "strict_operators", "Strict"
PATHS = {"create": "/group", "join": "/group/*/add_members"}


def handled_requests(emulator: LargeEmulator, task_id: str) -> list[Row]:
    """Return the handled requests of a task; other DAGs create groups too."""
    entries = emulator.requests(method="POST", path=PATHS[task_id])
    return [entry for entry in entries if entry["body"].get("name", NAME) == NAME]


def kill_before_response(run: DagRun, emulator: LargeEmulator, task_id: str) -> None:
    """Kill a task's process after its request is handled and before it reads the response."""
    path = PATHS[task_id]
    wait_until(lambda: emulator.is_delaying(path), description=f"the request of {task_id}", timeout=TIMEOUT)
    pid = run.row(task_id)["pid"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(
        lambda: handled_requests(emulator, task_id),
        description="the request to be handled",
        timeout=TIMEOUT,
    )
    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def run(environment: DemoEnvironment, emulator: LargeEmulator) -> DagRun:
    """Run both tasks, and kill the first try of each."""
    api = environment.airflow.api
    wait_until(lambda: api.has_dag(DAG_ID), description=f"the DAG {DAG_ID}", timeout=TIMEOUT)
    for path in PATHS.values():
        emulator.delay(path, seconds=5)
    run = DagRun(environment.airflow, DAG_ID, api.trigger(DAG_ID, {"user_ids": emulator.users(1, 2)}))
    for task_id in PATHS:
        kill_before_response(run, emulator, task_id)
    run.wait_until_finished()
    return run


def test_each_task_succeeds_in_second_try(run: DagRun) -> None:
    assert run.state == "success", run.failed_logs()
    assert {name: run.tasks[name].try_number for name in PATHS} == dict.fromkeys(PATHS, 2)


def test_each_request_is_sent_once(run: DagRun, emulator: LargeEmulator) -> None:
    assert {name: len(handled_requests(emulator, name)) for name in PATHS} == dict.fromkeys(PATHS, 1)


def test_second_try_returns_result_of_first(run: DagRun, emulator: LargeEmulator) -> None:
    group_id = run.xcom("create")
    assert emulator.http.get_json(f"/group/{group_id}")["name"] == NAME
    assert run.xcom("join") == emulator.users(1, 2)
