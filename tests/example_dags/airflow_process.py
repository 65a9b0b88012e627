"""A separate process with its own Airflow, which runs example DAGs one after the other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.example_dags.asset_events import triggered_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

    from airflow.sdk import DAG

    from tests.example_dags.asset_events import Event

DAGS = Path(__file__).resolve().parents[2] / "example_dags"
POKE_INTERVAL = 0.1
APPROVALS = r".*\.approve"
"""Tasks that wait for approval: they are marked as successful."""

TIMEOUT = 60.0


@dataclass(frozen=True)
class DagRunResult:
    """The result of a DAG run.

    :param states: each task's state, by ``task_id`` or, if it is mapped, ``task_id[map_index]``.
    :param returned: each task's result, by the same names.
    :param links: URL of each task's extra link, by the same names.
    :param log: log of the run.
    """

    state: str
    states: dict[str, str | None]
    returned: dict[str, Any]
    links: dict[str, Any]
    log: str

    def succeeded(self) -> bool:
        """Return whether the run succeeded; raise with the failed tasks and the end of the log otherwise."""
        failed = {name: state for name, state in self.states.items() if state not in ("success", "skipped")}
        assert not failed, f"{failed}\n{self.log[-20_000:]}"
        return self.state == "success"


class AirflowProcess:
    """Runs DAGs with ``dag.test()``, in a new Airflow home.

    :param home: an empty folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        processes = get_context("spawn")
        self._connection, child_connection = processes.Pipe()
        self._process = processes.Process(
            target=_serve, args=(child_connection, home), name="airflow", daemon=True
        )
        self._process.start()
        child_connection.close()

    @property
    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return self._process.is_alive()

    def run(
        self,
        dag_id: str,
        conf: Mapping[str, Any],
        *,
        connections: Mapping[str, str],
        events: Sequence[Event] = (),
    ) -> DagRunResult:
        """Run a DAG to its end.

        :param connections: connections as JSON, by their ids.
        :param events: asset events that trigger the run.
        """
        log = self.home / "log.txt"
        start = log.stat().st_size if log.exists() else 0
        self._connection.send((dag_id, dict(conf), dict(connections), list(events)))
        if not self._connection.poll(TIMEOUT):
            self.stop()
            raise AssertionError(f"{dag_id} did not end in {TIMEOUT:g} s\n{log.read_text()[-20_000:]}")
        state, states, returned, links = self._connection.recv()
        return DagRunResult(state, states, returned, links, log.read_text()[start:])

    def stop(self) -> None:
        """Kill the process: a DAG run ignores SIGTERM."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, home: Path) -> None:
    """Create Airflow's database, then run DAGs on request: the main function of the process."""
    log = os.open(home / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    from airflow.utils.db import initdb

    initdb()
    while True:
        dag_id, conf, connections, events = connection.recv()
        os.environ |= {f"AIRFLOW_CONN_{name.upper()}": text for name, text in connections.items()}
        with triggered_by(events):
            connection.send(_run(dag_id, conf))


def _run(dag_id: str, conf: dict[str, Any]) -> tuple[Any, ...]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    run: Any = _load_dag(dag_id).test(run_conf=conf, mark_success_pattern=APPROVALS)
    states = {_name(ti): ti.state and str(ti.state) for ti in run.get_task_instances()}

    def xcoms(key: str) -> dict[str, Any]:
        with create_session() as session:
            xcoms = session.scalars(XComModel.get_many(run_id=run.run_id, dag_ids=dag_id, key=key))
            return {_name(xcom): XComModel.deserialize_value(xcom) for xcom in xcoms}

    return str(run.state), states, xcoms("return_value"), xcoms("_link_DamstraLink")


def _name(row: Any) -> str:
    name: str = row.task_id
    return name if row.map_index < 0 else f"{name}[{row.map_index}]"


def _load_dag(dag_id: str) -> DAG:
    """Return a DAG of its file, with a short poke_interval."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    dag: DAG = DagBag(DAGS / f"{dag_id}.py").dags[dag_id]
    for task in dag.tasks:
        arguments = task.partial_kwargs if isinstance(task, MappedOperator) else vars(task)
        if "poke_interval" in arguments:
            arguments["poke_interval"] = POKE_INTERVAL
    return dag
