"""All runs on one stack, one after the other."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from demo.example_dags import copy_dag
from distributed.faults.process_faults import ProcessFaults
from distributed.judge.secrets import Arguments
from distributed.load.batches import batches
from distributed.load.crew import Crew
from distributed.report import render
from distributed.runs import all_crews, audit, budget, chaos, cohort, events, stopped_task
from distributed.runs.result import RunResult
from distributed.runs.sabotage import Sabotage
from distributed.stack.stack import POSTGRESQL_SETTINGS, Stack
from tests.postgresql import running_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAGS = Path(__file__).parent / "load" / "dags"
PACKAGES = ("airflow-provider-damstra", "apache-airflow", "apache-airflow-providers-celery", "celery")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is run.

    :param cohort: people of the cohort.
    :param seeds: number of crews that are trained under faults; more follow until each fault has occurred.
    :param crew: people of a crew.
    :param cohort_timeout: seconds for the cohort.
    """

    cohort: int
    seeds: int
    crew: int = 100
    cohort_timeout: float = 7200.0


class Proof:
    """All runs, with their results.

    :param stack: a stack that is running.
    :param report_line: prints a line of progress.
    """

    def __init__(self, stack: Stack, size: Size, *, report_line: Callable[[str], None]) -> None:
        self.results: list[RunResult] = []
        self._stack = stack
        self._size = size
        self._print = report_line
        self._started = time.monotonic()

    def run(self) -> None:
        """Run all; a run that fails is a finding, and the others follow."""
        stack, size = self._stack, self._size
        with Arguments() as arguments:
            title = f"Cohort: {size.cohort} people through the onboarding DAG"
            self._add(title, partial(cohort.run, stack, size=size.cohort, timeout=size.cohort_timeout))
            self._add("Budget", partial(budget.run, stack))
            self._add("cancel_on_kill", partial(stopped_task.run, stack))
            crews = self._run_chaos()
            self._add("Events", partial(events.run, stack))
            self._add("All crews again", partial(all_crews.run, stack, list(crews.values())))
            searched = partial(audit.run, stack, report=self.report(), arguments=arguments, crews=len(crews))
            self._add("Secrets", searched)
        self._add("Sabotage", Sabotage(stack, crews[1]).run)

    def report(self) -> str:
        """Return the report of the results so far."""
        packages = {name: version(name) for name in PACKAGES} | {"Python": platform.python_version()}
        versions = packages | self._stack.versions
        return render(self.results, versions=versions, seconds=time.monotonic() - self._started)

    def _run_chaos(self) -> dict[int, Crew]:
        """Train crews under faults, and return all of them by their seeds."""
        faults = ProcessFaults(self._stack, seed=self._size.seeds)
        crews: dict[int, Crew] = {}
        for seeds in batches(self._size.seeds, missing_faults=lambda: faults.missing):
            some = {seed: self._crew(seed) for seed in seeds}
            crews |= some
            title = f"Chaos, seeds {', '.join(map(str, seeds))}"
            self._add(title, partial(chaos.run, self._stack, some, process_faults=faults))
        if faults.missing:
            findings = [f"{name} did not occur" for name in faults.missing]
            self._add("Process faults", partial(RunResult, title="Process faults", findings=findings))
        return crews

    def _crew(self, seed: int) -> Crew:
        name = f"C{seed:02}"
        return Crew(name=name, size=self._size.crew, folder=self._stack.root / "crews" / name)

    def _add(self, title: str, run: Callable[[], RunResult]) -> None:
        try:
            result = run()
        except Exception as error:
            traceback.print_exc()
            result = RunResult(title=title, findings=[f"the run was not finished: {error!r}"])
        self.results.append(result)
        elapsed = time.monotonic() - self._started
        self._print(f"{elapsed:5.0f} s  {result.title}: {len(result.findings)} findings")
        for line in (*(f"{name}: {text}" for name, text in result.facts.items()), *result.findings):
            self._print(f"         {line}")


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Run a stack, with all its files in a temporary folder, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="damstra-distributed-") as name:
        root = Path(name)
        dags = root / "dags"
        shutil.copytree(DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
        copy_dag(cohort.DAG_ID, dags, files=root)
        with running_postgresql(settings=POSTGRESQL_SETTINGS) as postgresql:
            stack = Stack(root=root, dags=dags, postgresql=postgresql)
            try:
                stack.start([path.stem for path in dags.glob("*.py")])
                yield stack
            finally:
                stack.stop()
