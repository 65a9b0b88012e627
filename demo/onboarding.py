"""The environment of the demonstration: start all processes, run the onboarding DAG, stop all processes."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from demo.airflow_instance import AirflowInstance
from demo.cohort import COHORT
from demo.emulator_instance import EmulatorInstance
from demo.example_dags import FOLDER, NEW_STARTERS, copy_dag, example_dag_ids, write_input_files
from demo.processes import remembered_port
from demo.trainees import Trainees
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from demo.airflow_api import TaskInstance
    from demo.terminal import Terminal

DAG_ID = "example_damstra_onboarding"
DAG_FILE = FOLDER / f"{DAG_ID}.py"
RUN_TIMEOUT = 300.0
FINAL_STATES = frozenset({"success", "failed"})


@dataclass(kw_only=True)
class DagRunRecord:
    """A DAG run: its state, its task instances, and every state observed of each of them."""

    run_id: str
    state: str = "queued"
    tasks: dict[str, TaskInstance] = field(default_factory=dict)
    observed_states: dict[str, list[str]] = field(default_factory=dict)


class DemoEnvironment:
    """A local Airflow with the onboarding DAG, the emulator, and a cohort of trainees.

    The defaults of the DAG's parameters are paths in the folder ``files`` below the root.

    :param root: folder for all files.
    :param terminal: prints the progress.
    :param extra_dag_files: files of further DAGs.
    :param environment: further environment variables of Airflow's processes.
    :param with_all_examples: load all other example DAGs that need no other system, too, paused.
    :param user_dags: folder for the user's own DAGs, loaded too; it is created, and never deleted.
    :param ports: file that keeps the ports for the next start; by default free ones are used.
    """

    def __init__(
        self,
        *,
        root: Path,
        terminal: Terminal,
        extra_dag_files: Iterable[Path] = (),
        environment: Mapping[str, str] | None = None,
        with_all_examples: bool = False,
        user_dags: Path | None = None,
        ports: Path | None = None,
    ) -> None:
        self.root = root
        self.terminal = terminal
        self.files = root / "files"
        self.new_starters = self.files / NEW_STARTERS
        self.certificates = self.files / "certificates"
        self.dags = root / "dags"
        self.user_dags = user_dags
        self.emulator = EmulatorInstance(
            root=root, port=remembered_port(ports, "emulator", default=8090) if ports else None
        )
        paused = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": str(with_all_examples)}
        self.airflow = AirflowInstance(
            root=root,
            dags=self.dags,
            user_dags=user_dags,
            environment=paused | self.emulator.connection | dict(environment or {}),
            port=remembered_port(ports, "airflow", default=8080) if ports else None,
        )
        self.dag_ids = example_dag_ids() if with_all_examples else [DAG_ID]
        self._extra_dag_files = tuple(extra_dag_files)
        self.trainees = Trainees(COHORT, emulator=self.emulator.api, report=terminal.event)

    @property
    def conf(self) -> dict[str, str]:
        """Return the parameters of the DAG run: file of new starters, folder of certificates."""
        return {"new_starters": self.new_starters.as_uri(), "certificates": self.certificates.as_uri()}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start all processes, and stop them when the block ends."""
        self._prepare_files()
        with contextlib.ExitStack() as stack:
            stack.callback(self.terminal.note, "all processes are stopped")
            self.terminal.note("starting the emulator and Airflow (database, then four processes)")
            stack.callback(self.emulator.stop)
            self.emulator.process.start()
            stack.callback(self.airflow.stop)
            self.airflow.start()
            self.emulator.wait_until_ready()
            self.airflow.wait_until_ready(self.dag_ids)
            self.airflow.api.patch(f"/dags/{DAG_ID}", {"is_paused": False})
            self.emulator.subscribe(self.airflow.url)
            stack.callback(self.trainees.stop)
            self.trainees.start()
            self.terminal.note(f"ready: Airflow at {self.airflow.url}, the emulator at {self.emulator.url}")
            yield
            self.terminal.note("stopping")

    def run(self) -> DagRunRecord:
        """Run the onboarding DAG to its end, while the trainees complete the lessons that it waits for."""
        dag_run = DagRunRecord(run_id=self.airflow.api.trigger(DAG_ID, self.conf))
        self.terminal.note(f"triggered {DAG_ID}, run {dag_run.run_id}")
        wait_until(
            lambda: self._is_finished(dag_run), description="the end of the DAG run", timeout=RUN_TIMEOUT
        )
        self.terminal.note(f"the DAG run ended: {dag_run.state}")
        return dag_run

    def check(self) -> None:
        """Raise ProcessDiedError unless Airflow's processes and the emulator are running."""
        self.airflow.check()
        self.emulator.process.check()

    def failed_logs(self, dag_run: DagRunRecord) -> Iterator[str]:
        """Yield the log of each failed task; of a mapped task, that of its first failed instance."""
        failed = [task for task in dag_run.tasks.values() if task.state == "failed"]
        for task in {task.task_id: task for task in reversed(failed)}.values():
            log = self.airflow.api.log(DAG_ID, dag_run.run_id, task)
            yield f"--- the log of {task.name}, try {task.try_number} ---\n{log}\n"

    def _prepare_files(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.dags.mkdir(parents=True)
        if self.user_dags is not None:
            self.user_dags.mkdir(parents=True, exist_ok=True)
        for dag_id in self.dag_ids:
            copy_dag(dag_id, self.dags, files=self.files)
        for file in self._extra_dag_files:
            (self.dags / file.name).symlink_to(file)
        write_input_files(self.files)

    def _is_finished(self, dag_run: DagRunRecord) -> bool:
        self.check()
        dag_run.state = self.airflow.api.run_state(DAG_ID, dag_run.run_id)
        for task in self.airflow.api.task_instances(DAG_ID, dag_run.run_id):
            self._record(task, dag_run)
        return dag_run.state in FINAL_STATES

    def _record(self, task: TaskInstance, dag_run: DagRunRecord) -> None:
        previous = dag_run.tasks.get(task.name)
        dag_run.tasks[task.name] = task
        if task.state is None or (previous is not None and previous.state == task.state):
            return
        dag_run.observed_states.setdefault(task.name, []).append(task.state)
        self.terminal.task(task.name, task.state)
        if task.state == "deferred":
            self.trainees.release()
