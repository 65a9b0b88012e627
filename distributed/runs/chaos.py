"""Crews through their DAG, while calls and processes fail."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from distributed.faults import calls
from distributed.faults.aimed_kills import AimedKills
from distributed.faults.pauses import Pauses
from distributed.faults.read_kills import ReadKills
from distributed.judge.crew import judge_crew
from distributed.judge.rows import judge_rows
from distributed.judge.store import copied_store
from distributed.load.dag_runs import finish, trigger
from distributed.load.trainees import Repeated, Trainees
from distributed.operations import CHANGING_OPERATIONS
from distributed.runs.result import RunResult
from distributed.stack.airflow import WORKERS
from distributed.stack.stack import WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from distributed.faults.process_faults import ProcessFaults
    from distributed.load.crew import Crew
    from distributed.stack.stack import Stack

DAG_ID = "crew_training"
TIMEOUT = 1200.0
WATCHED_PAUSE = 8.0
"""Seconds between two completions of watched lessons, so that they are spread over the faults."""

TRANSFERS = ("export_schedules", "load_schedules")
LOOK_UPS = ("ListIltSessions", "ListGroups", "ListGroupMembers", "ListUsers")
"""Requests after which a task decides what to change."""


def run(stack: Stack, crews: Mapping[int, Crew], *, process_faults: ProcessFaults) -> RunResult:
    """Train crews side by side under faults, and check the results.

    :param crews: crews by their seeds.
    """
    for crew in crews.values():
        crew.write_files()
    size = sum(crew.size for crew in crews.values())
    result = RunResult(title=f"Chaos, seeds {', '.join(map(str, crews))}: {size} people")
    started = time.monotonic()
    run_ids = {crew.name: trigger(stack, DAG_ID, crew.conf) for crew in crews.values()}
    with ExitStack() as during:
        during.enter_context(Repeated(stack.watched.complete_next, pause=WATCHED_PAUSE).running())
        for crew in crews.values():
            trainees = Trainees(stack.emulator.api, prefix=crew.name, count=crew.size)
            during.enter_context(Repeated(trainees.complete_some, pause=1.0).running())
        faults = during.enter_context(_faults(stack, list(crews), process_faults))
        states = {name: finish(stack, DAG_ID, run_id, timeout=TIMEOUT) for name, run_id in run_ids.items()}
    tries = sum(stack.metadata.tries(DAG_ID, run_id) for run_id in run_ids.values())
    seconds = time.monotonic() - started
    result.facts = {"seconds": f"{seconds:.0f}", "tries of tasks": str(tries), **faults.facts}
    result.findings = [*faults.findings, *judge(stack, crews.values())]
    for name, run_id in run_ids.items():
        if states[name] != "success":
            unsuccessful = "; ".join(stack.metadata.unsuccessful(DAG_ID, run_id))
            result.findings.append(f"the DAG run of crew {name} is {states[name]}: {unsuccessful}")
    return result


def judge(stack: Stack, crews: Iterable[Crew]) -> list[str]:
    """Return what is lost or doubled in the store, the files and the tables of crews."""
    findings = []
    with copied_store(stack.store_file) as store:
        for crew in crews:
            findings += judge_crew(store, crew)
            findings += judge_rows(store, crew, stack.postgresql, database=WAREHOUSE)
    return findings


@contextmanager
def _faults(stack: Stack, seeds: Sequence[int], process_faults: ProcessFaults) -> Iterator[RunResult]:
    """Inject all faults during the block, and yield a result that describes them afterwards."""
    # GenerateLoginUrl changes no data, but is a POST.
    kills = AimedKills(CHANGING_OPERATIONS, times=len(seeds))
    read_kills = ReadKills(TRANSFERS, times=len(seeds), metadata=stack.metadata, dag_id=DAG_ID)
    look_ups = [random.Random(seed).choice(LOOK_UPS) for seed in seeds]  # noqa: S311 (repeatable)
    pauses = Pauses(look_ups, workers=[stack.airflow.processes[name] for name in WORKERS])
    before, result = len(process_faults.injected), RunResult(title="faults")
    process_faults.call_hits.clear()
    with ExitStack() as cleanup:
        cleanup.callback(stack.proxy.observers.clear)
        stack.proxy.observers += [kills, read_kills, pauses]
        calls.inject(stack.emulator.api, seeds=seeds)
        read_kills.start()
        cleanup.callback(pauses.wait)
        cleanup.callback(read_kills.stop)
        process_faults.start()
        cleanup.callback(process_faults.stop)
        yield result
    call_hits = process_faults.call_hits + calls.hits(stack.emulator.api)
    calls.remove(stack.emulator.api)
    injected = {
        "process faults": _as_text(Counter(process_faults.injected[before:])),
        "faulty calls": _as_text(call_hits),
        "kills between commit and response": _as_text(kills.killed),
        "kills in the middle of a transfer": _as_text(read_kills.killed),
        "stopped for 40 s after": ", ".join(pauses.paused),
    }
    result.facts = injected | {"restarts of processes so far": _as_text(stack.supervisor.restarts)}
    result.findings = [f"{name}: none was injected" for name, text in injected.items() if not text]
    result.findings += [f"{name}: no kill between commit and response" for name in kills.missing]
    result.findings += [f"an observer failed: {error!r}" for error in stack.proxy.errors]


def _as_text(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
