"""What a test looks at: a run as Airflow tells of it, its files, and the emulator's journal."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demo.airflow_api import PAGE
from demo.onboarding import OVER
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from demo.airflow_api import TaskInstance
    from demo.airflow_instance import AirflowInstance
    from demo.emulator_instance import Row

PATIENCE = 90.0


@dataclass(frozen=True)
class Run:
    """A DAG run."""

    airflow: AirflowInstance
    dag_id: str
    run_id: str

    @property
    def state(self) -> str:
        """The state of the run."""
        return self.airflow.api.run_state(self.dag_id, self.run_id)

    @property
    def tasks(self) -> dict[str, TaskInstance]:
        """The task instances by name."""
        found = self.airflow.api.task_instances(self.dag_id, self.run_id)
        return {task.name: task for task in found}

    def wait_for(self, state: str, *names: str, try_number: int = 1) -> None:
        """Return when all these tasks are in a state."""

        def is_there() -> bool:
            tasks = self.tasks
            return all(
                name in tasks and (tasks[name].state, tasks[name].try_number) == (state, try_number)
                for name in names
            )

        wait_until(is_there, what=f"{self.dag_id}: {', '.join(names)} {state}", seconds=PATIENCE)

    def end(self) -> str:
        """Return the state in which the run ends."""
        wait_until(lambda: self.state in OVER, what=f"the end of {self.dag_id}", seconds=PATIENCE)
        return self.state

    def row(self, task_id: str) -> Row:
        """Return all that Airflow tells of an unmapped task instance."""
        path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}"
        row: Row = self.airflow.api.get(path)
        return row

    def xcom(self, name: str) -> Any:
        """Return what a task has handed on."""
        return self.airflow.api.xcom(self.dag_id, self.run_id, self.tasks[name])

    def log(self, name: str) -> str:
        """Return the log of a task's last try."""
        return self.airflow.api.log(self.dag_id, self.run_id, self.tasks[name])

    def starts_on_workers(self) -> Counter[str]:
        """Return how often each task was started on a worker, by Airflow's event log."""
        query = {"dag_id": self.dag_id, "run_id": self.run_id, "event": "running", "limit": PAGE}
        events = self.airflow.api.get("/eventLogs", **query)
        assert events["total_entries"] <= PAGE
        return Counter(event["task_id"] for event in events["event_logs"])

    def log_files(self, task_id: str) -> list[Path]:
        """Return the files that hold a task's logs, those of the worker first."""
        folder = self.airflow.home / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}"
        return sorted(path for path in (folder / f"task_id={task_id}").rglob("*") if path.is_file())


def posts_sent_twice(journal: Iterable[Row]) -> dict[str, int]:
    """Return how often each POST was sent that was sent more than once."""
    posts = Counter(
        json.dumps([entry["path"], entry["query"], entry["body"]], sort_keys=True)
        for entry in journal
        if entry["method"] == "POST"
    )
    assert posts, "nothing was sent at all"
    return {post: count for post, count in posts.items() if count > 1}


def files_that_hold(secret: str, airflow: AirflowInstance) -> list[str]:
    """Return the names of Airflow's files and logs in which a secret stands."""
    files = list(_files_of(airflow))
    assert any(path.name.startswith("attempt=") for path in files), "no task has left a log"
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


def _files_of(airflow: AirflowInstance) -> Iterator[Path]:
    yield from (path for path in airflow.home.rglob("*") if path.is_file())
    yield from (process.log for process in airflow.processes.values())
