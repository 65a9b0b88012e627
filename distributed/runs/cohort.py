"""A cohort through the onboarding DAG of the examples: throughput, requests, memory and lag."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from distributed.judge.differences import compare
from distributed.judge.journal import judge_journal
from distributed.judge.store import Store, copied_store
from distributed.load.dag_runs import finish, trigger
from distributed.load.people import Person, people, write_csv
from distributed.load.trainees import Repeated, Trainees
from distributed.operations import operation_of
from distributed.runs.measurements import Memory, percentile_of_lags
from distributed.runs.result import RunResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed.faults.proxy import Exchange
    from distributed.stack.stack import Stack

DAG_ID = "example_damstra_onboarding"
LAG_DAG_ID = "loop_lag"
GROUP = "Cohort"
PREFIX = "Cohort"
LESSONS = (201, 202, 205)


def run(stack: Stack, *, size: int, timeout: float) -> RunResult:
    """Onboard people, and compare the emulator's journal and store with what the tasks report."""
    cohort = people(PREFIX, count=size)
    folder = stack.root / "cohort"
    write_csv(folder / "new_starters.csv", cohort, time_zone="Australia/Perth")
    conf = {
        "new_starters": (folder / "new_starters.csv").as_uri(),
        "certificates": (folder / "certificates").as_uri(),
        "group": GROUP,
    }
    stack.emulator.api.control("DELETE", "/journal")
    trainees = Repeated(Trainees(stack.emulator.api, prefix=PREFIX, count=size).complete_some, pause=1.0)
    result = RunResult(title=f"Cohort: {size} people through the onboarding DAG")
    started = time.monotonic()
    with _measured(stack) as facts, trainees.running():
        run_id = trigger(stack, DAG_ID, conf)
        state = finish(stack, DAG_ID, run_id, timeout=timeout)
    seconds = time.monotonic() - started
    tasks = stack.metadata.tasks(DAG_ID, run_id)
    result.facts = {
        "wall time": f"{seconds:.0f} s",
        "task instances": f"{tasks.total()}, {tasks.total() / seconds:.2f} per second",
        "tries of tasks": str(stack.metadata.tries(DAG_ID, run_id)),
        **facts,
    }
    if state != "success":
        unsuccessful = "; ".join(stack.metadata.unsuccessful(DAG_ID, run_id))
        result.findings.append(f"the DAG run is {state}: {unsuccessful}")
        return result
    result.findings += judge_journal(stack.emulator.api.journal(), reported=_reported(stack, run_id))
    with copied_store(stack.store_file) as store:
        result.findings += judge_cohort(store, cohort)
    return result


@contextmanager
def _measured(stack: Stack) -> Iterator[dict[str, str]]:
    """Measure during the block, and yield a dictionary that has the results afterwards."""
    requests: Counter[str] = Counter()
    memory = Memory(stack.processes)
    lags = stack.root / "lags"
    lags.mkdir()
    facts: dict[str, str] = {}
    trigger(stack, LAG_DAG_ID, {"folder": str(lags)})
    stack.proxy.observers.append(lambda exchange: requests.update([_operation_of(exchange)]))
    memory.start()
    try:
        yield facts
    finally:
        memory.stop()
        stack.proxy.observers.clear()
        (lags / "stop").touch()
    facts |= {
        "API requests of Airflow": _as_text(requests),
        "lag of the triggerers' event loops, p99": percentile_of_lags(lags),
        **{f"memory of {name}, at most": text for name, text in memory.peaks().items()},
    }


def judge_cohort(store: Store, cohort: list[Person]) -> list[str]:
    """Return what is lost or doubled in the store: a user, a membership, a completed lesson for each."""
    numbers = [person.employee_number for person in cohort]
    users = store.values(
        "SELECT employee_number FROM users WHERE employee_number LIKE :prefix", prefix=f"{PREFIX}-%"
    )
    members = store.values(
        "SELECT users.employee_number FROM group_members AS link JOIN groups ON groups.id = link.group_id"
        " JOIN users ON users.id = link.user_id WHERE groups.name = :group",
        group=GROUP,
    )
    schedules = store.fetch(
        "SELECT users.employee_number, version.lesson_id, schedule.lesson_completed_date IS NOT NULL"
        " FROM lesson_schedules AS schedule JOIN users ON users.id = schedule.user_id"
        " JOIN lesson_versions AS version ON version.id = schedule.lesson_version_id"
        " WHERE users.employee_number LIKE :prefix",
        prefix=f"{PREFIX}-%",
    )
    return [
        *compare("users of the cohort", users, numbers),
        *compare("members of the cohort's group", members, numbers),
        *compare(
            "lesson schedules of the cohort (number, lesson, completed)",
            schedules,
            [(number, lesson_id, 1) for number in numbers for lesson_id in LESSONS],
        ),
    ]


def _reported(stack: Stack, run_id: str) -> dict[str, list[int]]:
    """Return the ids that the tasks have returned, by the emulator's table."""

    def xcoms(task_id: str) -> list[Any]:
        return stack.metadata.xcoms(DAG_ID, run_id, task_id)

    results = [*xcoms("schedule_online_lessons"), *xcoms("schedule_classroom_lesson")]
    schedules = [user["lesson_schedule_ids"] for users in results for user in users]
    return {
        "users": [user_id for user_ids in xcoms("upsert_users") for user_id in user_ids],
        "lesson_schedules": [schedule_id for ids in schedules for schedule_id in ids],
        "ilt_sessions": xcoms("create_ilt_session"),
        "groups": xcoms("create_group"),
    }


def _operation_of(exchange: Exchange) -> str:
    return operation_of(exchange.method, exchange.path) or "other"


def _as_text(requests: Counter[str]) -> str:
    """Return the number of all requests, and that of each operation."""
    operations = ", ".join(f"{name} {count}" for name, count in requests.most_common())
    return f"{requests.total()}: {operations}"
