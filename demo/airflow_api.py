"""The part of Airflow's REST API that the demonstration uses."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT = (5, 30)
"""Seconds for connect and for read."""

PAGE_SIZE = 100
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True, kw_only=True)
class TaskInstance:
    """A task instance of a DAG run."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int

    @property
    def name(self) -> str:
        """Return the task's id, with its map index if it is mapped."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class AirflowApi:
    """A client of a local Airflow on which every user is an administrator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # ignore a proxy: the server is local
        # Airflow on SQLite responds with 500 if the database is locked for too long
        retry = Retry(
            total=5, connect=0, status_forcelist=(500, 503), backoff_factor=0.2, allowed_methods=("GET",)
        )
        self._session.mount("http://", HTTPAdapter(max_retries=retry))

    def is_healthy(self) -> bool:
        """Return whether the API server reports that each component is healthy."""
        try:
            health = self.get("/monitor/health")
        except requests.RequestException:
            return False
        return all(health.get(component, {}).get("status") == "healthy" for component in COMPONENTS)

    def log_in(self) -> None:
        """Get the token for all other calls."""
        response = self._session.get(f"{self.url}/auth/token", timeout=TIMEOUT)
        response.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def has_dag(self, dag_id: str) -> bool:
        """Return whether the DAG is parsed."""
        dags = self.get("/dags", dag_id_pattern=dag_id, limit=PAGE_SIZE)["dags"]
        return any(dag["dag_id"] == dag_id for dag in dags)

    def import_errors(self, bundle: str) -> list[str]:
        """Return the import errors of DAG files in a DAG bundle."""
        errors = self.get("/importErrors", limit=PAGE_SIZE)["import_errors"]
        errors = [error for error in errors if error["bundle_name"] == bundle]
        return [f"{error['filename']}:\n{error['stack_trace']}" for error in errors]

    def trigger(self, dag_id: str, conf: Mapping[str, Any], *, run_id: str | None = None) -> str:
        """Trigger a DAG run and return its id, by default a generated one."""
        response = self.post(
            f"/dags/{dag_id}/dagRuns", {"logical_date": None, "dag_run_id": run_id, "conf": dict(conf)}
        )
        triggered: str = response["dag_run_id"]
        return triggered

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a DAG run."""
        state: str = self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def task_instances(self, dag_id: str, run_id: str) -> Iterator[TaskInstance]:
        """Yield the task instances of a DAG run, including mapped ones."""
        offset = 0
        while True:
            page = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=PAGE_SIZE, offset=offset)
            for row in page["task_instances"]:
                yield TaskInstance(**{field.name: row[field.name] for field in fields(TaskInstance)})
            offset += len(page["task_instances"])
            if not page["task_instances"] or offset >= page["total_entries"]:
                return

    def log(self, dag_id: str, run_id: str, task: TaskInstance) -> str:
        """Return the log of a task's last try."""
        response = self.get(
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{task.try_number}",
            map_index=task.map_index,
            full_content="true",
        )
        return "\n".join(line for record in response["content"] for line in _log_lines(record))

    def xcom(self, dag_id: str, run_id: str, task: TaskInstance, key: str = "return_value") -> Any:
        """Return an XCom of a task."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/xcomEntries/{key}"
        return self.get(path, map_index=task.map_index, deserialize="true")["value"]

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a POST to a path below ``/api/v2`` and return the response."""
        response = self._session.post(f"{self.url}/api/v2{path}", json=dict(body), timeout=TIMEOUT)
        response.raise_for_status()
        return response.json()

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Send a PATCH to a path below ``/api/v2``."""
        response = self._session.patch(f"{self.url}/api/v2{path}", json=dict(body), timeout=TIMEOUT)
        response.raise_for_status()

    def get(self, path: str, **query: Any) -> Any:
        """Return the response to a GET of a path below ``/api/v2``."""
        response = self._session.get(f"{self.url}/api/v2{path}", params=query, timeout=TIMEOUT)
        response.raise_for_status()
        return response.json()


def _log_lines(record: str | dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a log record, with its traceback."""
    if isinstance(record, str):
        yield record
    elif not record["event"].startswith("::"):
        parts = (record.get("timestamp"), record.get("level"), record["event"])
        yield "  ".join(part for part in parts if part)
        for error in record.get("error_detail") or []:
            for frame in error["frames"]:
                yield f"    {frame['filename']}:{frame['lineno']} in {frame['name']}"
            yield f"  {error['exc_type']}: {error['exc_value']}"
