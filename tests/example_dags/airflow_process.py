"""An Airflow of its own, in a process of its own, that runs the example DAGs one after the other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.example_dags.asset_events import started_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

    from airflow.sdk import DAG

    from tests.example_dags.asset_events import Event

DAGS = Path(__file__).resolve().parents[2] / "example_dags"
POKE_INTERVAL = 0.1
APPROVED = r".*\.ask"
"""The tasks that ask a person: whoever it is says yes."""

PATIENCE = 60.0


@dataclass(frozen=True)
class Run:
    """How a DAG run ended, and what its tasks left.

    :param states: each task's state, by ``task_id`` or, if it is mapped, ``task_id[map_index]``.
    :param returned: what each task returned, in the same way.
    :param links: where each task's button leads to, in the same way.
    :param log: what was logged meanwhile.
    """

    state: str
    states: dict[str, str | None]
    returned: dict[str, Any]
    links: dict[str, Any]
    log: str

    def succeeded(self) -> bool:
        """Return whether all is well; if not, say which tasks are to blame, and show the end of the log."""
        blamed = {name: state for name, state in self.states.items() if state not in ("success", "skipped")}
        assert not blamed, f"{blamed}\n{self.log[-20_000:]}"
        return self.state == "success"


class AirflowProcess:
    """Runs DAGs with ``dag.test()``, in a new Airflow home.

    :param home: an empty folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        processes = get_context("spawn")
        self._here, there = processes.Pipe()
        self._process = processes.Process(target=_serve, args=(there, home), name="airflow", daemon=True)
        self._process.start()
        there.close()

    @property
    def is_alive(self) -> bool:
        """Return whether it can run a DAG."""
        return self._process.is_alive()

    def run(
        self,
        dag_id: str,
        conf: Mapping[str, Any],
        *,
        connections: Mapping[str, str],
        events: Sequence[Event] = (),
    ) -> Run:
        """Run a DAG to its end.

        :param connections: connections as JSON, by their ids.
        :param events: what has started it, as if the assets had been updated.
        """
        log = self.home / "log.txt"
        start = log.stat().st_size if log.exists() else 0
        self._here.send((dag_id, dict(conf), dict(connections), list(events)))
        if not self._here.poll(PATIENCE):
            self.stop()
            raise AssertionError(f"{dag_id} did not end in {PATIENCE:g} s\n{log.read_text()[-20_000:]}")
        state, states, returned, links = self._here.recv()
        return Run(state, states, returned, links, log.read_text()[start:])

    def stop(self) -> None:
        """End the process, whatever it does: a DAG's run does not heed SIGTERM."""
        self._process.kill()
        self._process.join()
        self._here.close()


def _serve(orders: Connection, home: Path) -> None:
    """Make Airflow's database, then run DAGs until nobody orders more: what the process does."""
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
        dag_id, conf, connections, events = orders.recv()
        os.environ |= {f"AIRFLOW_CONN_{name.upper()}": text for name, text in connections.items()}
        with started_by(events):
            orders.send(_run(dag_id, conf))


def _run(dag_id: str, conf: dict[str, Any]) -> tuple[Any, ...]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    run: Any = _quick(dag_id).test(run_conf=conf, mark_success_pattern=APPROVED)
    states = {_name(ti): ti.state and str(ti.state) for ti in run.get_task_instances()}

    def kept(key: str) -> dict[str, Any]:
        with create_session() as session:
            xcoms = session.scalars(XComModel.get_many(run_id=run.run_id, dag_ids=dag_id, key=key))
            return {_name(xcom): XComModel.deserialize_value(xcom) for xcom in xcoms}

    return str(run.state), states, kept("return_value"), kept("_link_DamstraLink")


def _name(row: Any) -> str:
    name: str = row.task_id
    return name if row.map_index < 0 else f"{name}[{row.map_index}]"


def _quick(dag_id: str) -> DAG:
    """Return a DAG as its file has it, but with waits that look often."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    dag: DAG = DagBag(DAGS / f"{dag_id}.py").dags[dag_id]
    for task in dag.tasks:
        arguments = task.partial_kwargs if isinstance(task, MappedOperator) else vars(task)
        if "poke_interval" in arguments:
            arguments["poke_interval"] = POKE_INTERVAL
    return dag
