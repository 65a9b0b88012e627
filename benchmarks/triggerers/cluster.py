"""Two triggerers of an Airflow on PostgreSQL, and what they use."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.measuring import ACCESS_KEY
from demo.airflow_instance import AirflowInstance
from demo.processes import ManagedProcess
from tests.postgresql import HOST, USER

if TYPE_CHECKING:
    from benchmarks.waits.scenario import Scenario
    from tests.postgresql import PostgreSQL

DAG_ID = "waits"
NAMES = ("triggerer-1", "triggerer-2")
LAG_TRIGGERS = 20
"""Number of triggers that measure the lag, so that each triggerer has one."""

TIMEOUT = 900.0
"""Seconds for each step of the preparation."""


@dataclass(frozen=True)
class Usage:
    """What the triggerers have used.

    :param runners_cpu: CPU seconds of the processes that run the triggers.
    :param supervisors_cpu: CPU seconds of their parents, which access the database.
    :param memory: resident memory of all these processes in MB.
    """

    runners_cpu: float
    supervisors_cpu: float
    memory: float


class Triggerers(AirflowInstance):
    """Airflow's database and two triggerers; no other component runs.

    :param root: folder for Airflow's home and logs.
    :param capacity: number of triggers that each runs at most.
    """

    def __init__(self, *, root: Path, postgresql: PostgreSQL, capacity: int) -> None:
        self.lag_folder = root / "lag"
        super().__init__(
            root=root, dags=Path(__file__).with_name("dags"), environment=_environment(postgresql)
        )
        self.processes = {}
        self._arguments = ("triggerer", "--skip-serve-logs", "--capacity", str(capacity))

    def create_database(self) -> None:
        """Create the database with the DAG."""
        for folder in (self.home, self.lag_folder):
            folder.mkdir(parents=True)
        for arguments in (("db", "migrate"), ("dags", "reserialize")):
            self._airflow(arguments[0], arguments).run(timeout=TIMEOUT)

    def insert_tasks(self, contender: str, scenario: Scenario, *, server_port: int) -> None:
        """Insert the deferred tasks of a contender, which poll the benchmark's server."""
        self._environment |= {"AIRFLOW_CONN_DAMSTRA_DEFAULT": _connection(server_port)}
        arguments = (contender, json.dumps(scenario.arguments()), str(self.lag_folder))
        command = [sys.executable, "-m", "benchmarks.triggerers.database", *arguments]
        ManagedProcess(
            "insert", command, env=self._environment, cwd=self.home, log=self.logs / "insert.log"
        ).run(timeout=TIMEOUT)

    def start(self) -> None:
        """Start both triggerers."""
        self.processes = {name: self._airflow(name, self._arguments) for name in NAMES}
        for process in self.processes.values():
            process.start()

    def usage(self) -> Usage:
        """Return what both triggerers have used so far."""
        self.check()
        supervisors = [psutil.Process(process.pid) for process in self.processes.values()]
        runners = [child for one in supervisors for child in one.children(recursive=True)]
        return Usage(
            runners_cpu=sum(map(_cpu_seconds, runners)),
            supervisors_cpu=sum(map(_cpu_seconds, supervisors)),
            memory=sum(one.memory_info().rss for one in (*supervisors, *runners)) / 2**20,
        )

    def samples_by_time(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the samples of the event loops, each with the id of its process."""
        every = [
            (file.stem, json.loads(line))
            for file in self.lag_folder.glob("*.jsonl")
            for line in file.read_text().splitlines()
        ]
        return sorted(every, key=lambda item: float(item[1]["at"]))


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _connection(server_port: int) -> str:
    return json.dumps(
        {
            "conn_type": "damstra",
            "host": f"http://{HOST}:{server_port}",
            "password": ACCESS_KEY,
            "extra": {"max_concurrency": 16},
        }
    )


def _environment(postgresql: PostgreSQL) -> dict[str, str]:
    address = f"{USER}:{postgresql.password}@{HOST}:{postgresql.port}/postgres"
    return {
        "AIRFLOW__DAMSTRA__WEBHOOKS_ENABLED": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{address}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{address}",
        # By default a triggerer starts 50 triggers per loop, so that thousands take minutes. With 500,
        # Airflow 3.3's triggerers stop for good: docs/how-to/celery-kubernetes.md.
        "AIRFLOW__TRIGGERER__MAX_TRIGGER_TO_SELECT_PER_LOOP": "100",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
