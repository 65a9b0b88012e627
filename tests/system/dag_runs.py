"""DAG runs of a real Airflow: states, XComs, logs; and checks of files and of the emulator's journal."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from demo.airflow_api import PAGE_SIZE
from demo.onboarding import FINAL_STATES
from demo.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from demo.airflow_api import TaskInstance
    from demo.airflow_instance import AirflowInstance
    from demo.emulator_instance import Row

TIMEOUT = 90.0
"""Seconds to wait for an expected state."""


@dataclass(frozen=True)
class DagRun:
    """A DAG run."""

    airflow: AirflowInstance
    dag_id: str
    run_id: str

    @property
    def state(self) -> str:
        """Return the state of the run."""
        return self.airflow.api.run_state(self.dag_id, self.run_id)

    @property
    def tasks(self) -> dict[str, TaskInstance]:
        """Return the task instances by name."""
        found = self.airflow.api.task_instances(self.dag_id, self.run_id)
        return {task.name: task for task in found}

    def wait_for(self, state: str, *names: str, try_number: int = 1) -> None:
        """Wait until all these tasks are in a state."""

        def is_reached() -> bool:
            tasks = self.tasks
            return all(
                name in tasks and (tasks[name].state, tasks[name].try_number) == (state, try_number)
                for name in names
            )

        wait_until(is_reached, description=f"{self.dag_id}: {', '.join(names)} {state}", timeout=TIMEOUT)

    def wait_for_executor_events(self, *names: str) -> None:
        """Wait until the scheduler has processed the ends of the processes that deferred these tasks.

        It fails a task that is queued again before that.
        """
        tasks = self.tasks
        keys = [
            f"task_id='{tasks[name].task_id}', run_id='{self.run_id}', "
            f"try_number=1, map_index={tasks[name].map_index})"
            for name in names
        ]

        def are_processed() -> bool:
            lines = self.airflow.processes["scheduler"].log.read_text().splitlines()
            events = [line for line in lines if "Received executor event" in line]
            return all(any(key in event for event in events) for key in keys)

        wait_until(are_processed, description=f"executor events of {', '.join(names)}", timeout=TIMEOUT)

    def wait_until_finished(self) -> str:
        """Wait until the run has finished, and return its state."""
        wait_until(
            lambda: self.state in FINAL_STATES, description=f"the end of {self.dag_id}", timeout=TIMEOUT
        )
        return self.state

    def row(self, task_id: str) -> Row:
        """Return an unmapped task instance as Airflow's API does."""
        path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}"
        row: Row = self.airflow.api.get(path)
        return row

    def map_index_names(self, task_id: str) -> list[str]:
        """Return how the grid shows the instances of a mapped task."""
        path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}/listMapped"
        rows = self.airflow.api.get(path, order_by="map_index")["task_instances"]
        return [row["rendered_map_index"] for row in rows]

    def xcom(self, name: str) -> Any:
        """Return the result of a task."""
        return self.airflow.api.xcom(self.dag_id, self.run_id, self.tasks[name])

    def log(self, name: str) -> str:
        """Return the log of a task's last try."""
        return self.airflow.api.log(self.dag_id, self.run_id, self.tasks[name])

    def failed_logs(self) -> str:
        """Return the logs of the failed tasks, as the message of an assertion."""
        failed = (name for name, task in self.tasks.items() if task.state == "failed")
        return "\n".join(f"{name}:\n{self.log(name)}" for name in failed)

    def worker_starts(self) -> Counter[str]:
        """Return how often each task was started on a worker, from Airflow's event log."""
        query = {"dag_id": self.dag_id, "run_id": self.run_id, "event": "running", "limit": PAGE_SIZE}
        events = self.airflow.api.get("/eventLogs", **query)
        assert events["total_entries"] <= PAGE_SIZE
        return Counter(event["task_id"] for event in events["event_logs"])

    def log_files(self, task_id: str) -> list[Path]:
        """Return the files of a task's logs, the worker's first."""
        folder = self.airflow.home / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}"
        return sorted(path for path in (folder / f"task_id={task_id}").rglob("*") if path.is_file())


def duplicate_posts(journal: Iterable[Row]) -> dict[str, int]:
    """Return the POSTs that were sent more than once, with their number."""
    posts = Counter(
        json.dumps([entry["path"], entry["query"], entry["body"]], sort_keys=True)
        for entry in journal
        if entry["method"] == "POST"
    )
    assert posts, "no POST was sent"
    return {post: count for post, count in posts.items() if count > 1}


def files_containing(secret: str, airflow: AirflowInstance) -> list[str]:
    """Return the names of Airflow's files and logs that contain a secret."""
    files = list(_files_of(airflow))
    assert any(path.name.startswith("attempt=") for path in files), "there is no task log"
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


def _files_of(airflow: AirflowInstance) -> Iterator[Path]:
    yield from (path for path in airflow.home.rglob("*") if path.is_file())
    yield from (process.log for process in airflow.processes.values())
