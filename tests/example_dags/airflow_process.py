"""A separate process with its own Airflow, which runs DAGs one after the other."""

from __future__ import annotations

import json
import os
import traceback
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.example_dags.asset_events import triggered_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from multiprocessing.connection import Connection

    from airflow.sdk import DAG

    from tests.example_dags.asset_events import Event

DAGS = Path(__file__).resolve().parents[2] / "example_dags"
POKE_INTERVAL = 0.1
APPROVALS = r"(.*\.)?approve"
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


@dataclass(frozen=True, kw_only=True)
class _Request:
    file: Path
    dag_id: str
    conf: dict[str, Any]
    connections: dict[str, str]
    events: list[Event] = field(default_factory=list)
    logical_date: datetime | None = None


class AirflowProcess:
    """Runs DAGs with ``dag.test()``, in a new Airflow home.

    :param home: an empty folder. Its folder ``s3`` contains the buckets of paths such as ``s3://bucket/key``.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "s3").mkdir()
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
        file: Path | None = None,
        logical_date: datetime | None = None,
    ) -> DagRunResult:
        """Run a DAG to its end.

        :param connections: connections as JSON, by their ids.
        :param events: asset events that trigger the run.
        :param file: the DAG's file, by default the example DAG of this id. The DAG runs in the file's folder.
        :param logical_date: logical date of the run, by default the present time.
        """
        log = self.home / "log.txt"
        start = log.stat().st_size if log.exists() else 0
        request = _Request(
            file=file or DAGS / f"{dag_id}.py",
            dag_id=dag_id,
            conf=dict(conf),
            connections=dict(connections),
            events=list(events),
            logical_date=logical_date,
        )
        self._connection.send(request)
        if not self._connection.poll(TIMEOUT):
            self.stop()
            raise AssertionError(f"{dag_id} did not end in {TIMEOUT:g} s\n{log.read_text()[-20_000:]}")
        result = self._connection.recv()
        assert isinstance(result, tuple), f"{file or dag_id}: {result}"
        state, states, returned, links = result
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
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    from airflow.sdk.io.store import attach
    from airflow.utils.db import initdb
    from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]
    from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

    initdb()
    attach("s3", fs=DirFileSystem(str(home / "s3"), fs=LocalFileSystem(auto_mkdir=True)))
    while True:
        request: _Request = connection.recv()
        os.environ |= {f"AIRFLOW_CONN_{name.upper()}": text for name, text in request.connections.items()}
        os.chdir(request.file.parent)
        try:
            with triggered_by(request.events):
                connection.send(_run(request))
        except Exception:
            connection.send(traceback.format_exc())


def _bundle(dag: DAG, file: Path) -> str:
    """Return the configuration of a DAG bundle: the DAG's file, or its folder if it triggers another DAG.

    Each ``dag.test()`` parses and stores the whole bundle.
    """
    path = file.parent if any(hasattr(task, "trigger_dag_id") for task in dag.tasks) else file
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return json.dumps([{"name": "dags", "classpath": bundle, "kwargs": {"path": str(path)}}])


def _run(request: _Request) -> tuple[Any, ...]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    dag_id = request.dag_id
    options: dict[str, Any] = {"logical_date": request.logical_date} if request.logical_date else {}
    dag = _load_dag(request.file, dag_id)
    os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = _bundle(dag, request.file)
    run: Any = dag.test(run_conf=request.conf, mark_success_pattern=APPROVALS, **options)
    states = {_name(ti): ti.state and str(ti.state) for ti in run.get_task_instances()}

    def xcoms(key: str) -> dict[str, Any]:
        with create_session() as session:
            xcoms = session.scalars(XComModel.get_many(run_id=run.run_id, dag_ids=dag_id, key=key))
            return {_name(xcom): XComModel.deserialize_value(xcom) for xcom in xcoms}

    return str(run.state), states, xcoms("return_value"), xcoms("_link_DamstraLink")


def _name(row: Any) -> str:
    name: str = row.task_id
    return name if row.map_index < 0 else f"{name}[{row.map_index}]"


def _load_dag(file: Path, dag_id: str) -> DAG:
    """Return a DAG of its file, with a short poke_interval."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    bag = DagBag(file)
    assert not bag.import_errors, "\n".join(bag.import_errors.values())
    dag: DAG = bag.dags[dag_id]
    for task in dag.tasks:
        arguments = task.partial_kwargs if isinstance(task, MappedOperator) else vars(task)
        if "poke_interval" in arguments:
            arguments["poke_interval"] = POKE_INTERVAL
    return dag
