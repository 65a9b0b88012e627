"""A user stops a running task with ``cancel_on_kill``: what this try has created is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.waiting import wait_until
from distributed.judge.differences import compare
from distributed.judge.store import copied_store
from distributed.load.dag_runs import finish, trigger
from distributed.runs.result import RunResult

if TYPE_CHECKING:
    from distributed.stack.stack import Stack

DAG_ID, TASK_ID = "stopped_task", "create_group"
GROUP = "Stopped"
TIMEOUT = 120.0


def run(stack: Stack) -> RunResult:
    """Mark the task as failed while it runs, and check that its group is inactive."""
    run_id = trigger(stack, DAG_ID, {"group": GROUP})
    wait_until(lambda: _created(stack), description="the group of the task", timeout=TIMEOUT)
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{TASK_ID}"
    stack.airflow.api.patch(path, {"new_state": "failed"})
    finish(stack, DAG_ID, run_id, timeout=TIMEOUT)
    wait_until(lambda: _inactivated(stack), description="the rollback of the group", timeout=TIMEOUT)
    result = RunResult(title="cancel_on_kill: a user stops a task")
    with copied_store(stack.store_file) as store:
        groups = store.fetch("SELECT name, active FROM groups WHERE name = :name", name=GROUP)
    result.findings = compare("groups of the stopped task (name, active)", groups, [(GROUP, 0)])
    return result


def _created(stack: Stack) -> bool:
    created = [entry for entry in stack.emulator.api.journal("POST", "/group") if entry["status"] == 200]
    return any(entry["body"]["name"] == GROUP for entry in created)


def _inactivated(stack: Stack) -> bool:
    entries = stack.emulator.api.journal("POST", "/group/*/inactivate")
    return any(entry["status"] == 200 for entry in entries)
