"""The whole demonstration: everything started, the onboarding DAG run, everything stopped."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from demo.airflow_instance import AirflowInstance
from demo.cohort import COHORT, write_csv
from demo.emulator_instance import EmulatorInstance
from demo.trainees import Trainees
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from demo.airflow_api import TaskInstance
    from demo.terminal import Terminal

DAG_ID = "example_damstra_onboarding"
DAG_FILE = Path(__file__).resolve().parent.parent / "example_dags" / f"{DAG_ID}.py"
RUN_SECONDS = 300.0
OVER = frozenset({"success", "failed"})


@dataclass(kw_only=True)
class Outcome:
    """What became of a run: how it ended, and every state that a task was seen in."""

    run_id: str
    state: str = "queued"
    tasks: dict[str, TaskInstance] = field(default_factory=dict)
    states_seen: dict[str, list[str]] = field(default_factory=dict)


class Stage:
    """A real Airflow with the onboarding DAG, the emulator, and a cohort of trainees.

    :param root: folder for everything that it writes
    :param more_dags: files of further DAGs
    :param environment: further variables for Airflow's processes
    """

    def __init__(
        self,
        *,
        root: Path,
        terminal: Terminal,
        more_dags: Iterable[Path] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.root = root
        self.terminal = terminal
        self.new_starters = root / "new_starters.csv"
        self.certificates = root / "certificates"
        self.dags = root / "dags"
        self.emulator = EmulatorInstance(root=root)
        self.airflow = AirflowInstance(
            root=root, dags=self.dags, environment=self.emulator.connection | dict(environment or {})
        )
        self._dag_files = (DAG_FILE, *more_dags)
        self.trainees = Trainees(COHORT, emulator=self.emulator.api, report=terminal.event)

    @property
    def conf(self) -> dict[str, str]:
        """The parameters of a run: whom to onboard, and where the certificates go."""
        return {"new_starters": self.new_starters.as_uri(), "certificates": self.certificates.as_uri()}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start everything, and stop everything however the body ends."""
        self._lay_files()
        with contextlib.ExitStack() as stack:
            stack.callback(self.terminal.note, "everything is stopped")
            self.terminal.note("starting the emulator and Airflow (database, then four processes)")
            stack.callback(self.emulator.stop)
            self.emulator.process.start()
            stack.callback(self.airflow.stop)
            self.airflow.start()
            self.emulator.wait_until_ready()
            self.airflow.wait_until_ready(DAG_ID)
            self.emulator.send_events_to(self.airflow.url)
            stack.callback(self.trainees.stop)
            self.trainees.start()
            self.terminal.note(f"ready: Airflow at {self.airflow.url}, the emulator at {self.emulator.url}")
            yield
            self.terminal.note("stopping")

    def run(self) -> Outcome:
        """Run the onboarding DAG to its end, while the trainees do what it waits for."""
        outcome = Outcome(run_id=self.airflow.api.trigger(DAG_ID, self.conf))
        self.terminal.note(f"triggered {DAG_ID}, run {outcome.run_id}")
        wait_until(lambda: self._is_over(outcome), what="the end of the DAG run", seconds=RUN_SECONDS)
        self.terminal.note(f"the DAG run ended: {outcome.state}")
        return outcome

    def check(self) -> None:
        """Raise ProcessDiedError unless Airflow's processes and the emulator run."""
        self.airflow.check()
        self.emulator.process.check()

    def failed_logs(self, outcome: Outcome) -> Iterator[str]:
        """Yield the log of each task that failed; of a mapped task, that of its first failed instance."""
        failed = [task for task in outcome.tasks.values() if task.state == "failed"]
        for task in {task.task_id: task for task in reversed(failed)}.values():
            log = self.airflow.api.log(DAG_ID, outcome.run_id, task)
            yield f"--- the log of {task.name}, try {task.try_number} ---\n{log}\n"

    def _lay_files(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.dags.mkdir(parents=True)
        for file in self._dag_files:
            (self.dags / file.name).symlink_to(file)
        write_csv(self.new_starters, COHORT)

    def _is_over(self, outcome: Outcome) -> bool:
        self.check()
        outcome.state = self.airflow.api.run_state(DAG_ID, outcome.run_id)
        for task in self.airflow.api.task_instances(DAG_ID, outcome.run_id):
            self._saw(task, outcome)
        return outcome.state in OVER

    def _saw(self, task: TaskInstance, outcome: Outcome) -> None:
        known = outcome.tasks.get(task.name)
        outcome.tasks[task.name] = task
        if task.state is None or (known is not None and known.state == task.state):
            return
        outcome.states_seen.setdefault(task.name, []).append(task.state)
        self.terminal.task(task.name, task.state)
        if task.state == "deferred":
            self.trainees.begin()
