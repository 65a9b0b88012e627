"""The part of Airflow's REST API that the demonstration uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT = (5, 30)
PAGE = 100
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True, kw_only=True)
class TaskInstance:
    """What Airflow says about a task of a run."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int

    @property
    def name(self) -> str:
        """The task's id, with its map index where it has one."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class AirflowApi:
    """A client of a local Airflow whose users are all administrators."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy would be asked for a loopback address
        # SQLite answers 500 where it is locked for too long
        reads = Retry(
            total=5, connect=0, status_forcelist=(500, 503), backoff_factor=0.2, allowed_methods=("GET",)
        )
        self._session.mount("http://", HTTPAdapter(max_retries=reads))

    def is_healthy(self) -> bool:
        """Whether the API server answers and says that each component is healthy."""
        try:
            health = self.get("/monitor/health")
        except requests.RequestException:
            return False
        return all(health.get(component, {}).get("status") == "healthy" for component in COMPONENTS)

    def log_in(self) -> None:
        """Get the token that every other call needs."""
        answer = self._session.get(f"{self.url}/auth/token", timeout=TIMEOUT)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG was parsed and can be run."""
        dags = self.get("/dags", dag_id_pattern=dag_id, limit=PAGE)["dags"]
        return any(dag["dag_id"] == dag_id for dag in dags)

    def import_errors(self) -> list[str]:
        """Return what went wrong in which DAG file."""
        errors = self.get("/importErrors", limit=PAGE)["import_errors"]
        return [f"{error['filename']}:\n{error['stack_trace']}" for error in errors]

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run and return its id."""
        answer = self._session.post(
            f"{self.url}/api/v2/dags/{dag_id}/dagRuns",
            json={"logical_date": None, "conf": dict(conf)},
            timeout=TIMEOUT,
        )
        answer.raise_for_status()
        run_id: str = answer.json()["dag_run_id"]
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        state: str = self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def task_instances(self, dag_id: str, run_id: str) -> Iterator[TaskInstance]:
        """Yield the task instances of a run, mapped ones included."""
        seen = 0
        while True:
            page = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=PAGE, offset=seen)
            for row in page["task_instances"]:
                yield TaskInstance(
                    task_id=row["task_id"],
                    map_index=row["map_index"],
                    state=row["state"],
                    try_number=row["try_number"],
                )
            seen += len(page["task_instances"])
            if not page["task_instances"] or seen >= page["total_entries"]:
                return

    def log(self, dag_id: str, run_id: str, task: TaskInstance) -> str:
        """Return the log of a task's last try."""
        answer = self.get(
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{task.try_number}",
            map_index=task.map_index,
            full_content="true",
        )
        return "\n".join(line for record in answer["content"] for line in _log_lines(record))

    def xcom(self, dag_id: str, run_id: str, task: TaskInstance, key: str = "return_value") -> Any:
        """Return what a task has handed on."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/xcomEntries/{key}"
        return self.get(path, map_index=task.map_index, deserialize="true")["value"]

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """Change something at a path below `/api/v2`."""
        answer = self._session.patch(f"{self.url}/api/v2{path}", json=dict(body), timeout=TIMEOUT)
        answer.raise_for_status()

    def get(self, path: str, **query: Any) -> Any:
        """Return what the API answers for a path below `/api/v2`."""
        answer = self._session.get(f"{self.url}/api/v2{path}", params=query, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()


def _log_lines(line: str | dict[str, Any]) -> Iterator[str]:
    """Yield a log record as a person reads it, with the traceback that it carries."""
    if isinstance(line, str):
        yield line
    elif not line["event"].startswith("::"):
        facts = (line.get("timestamp"), line.get("level"), line["event"])
        yield "  ".join(fact for fact in facts if fact)
        for error in line.get("error_detail") or []:
            for frame in error["frames"]:
                yield f"    {frame['filename']}:{frame['lineno']} in {frame['name']}"
            yield f"  {error['exc_type']}: {error['exc_value']}"
