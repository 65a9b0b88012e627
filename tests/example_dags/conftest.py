"""Fixtures of the tests of the example DAGs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.emulator.api_client import ApiClient
from tests.example_dags.airflow_process import AirflowProcess, DagRunResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.example_dags.asset_events import Event


class RunDag(Protocol):
    """Run an example DAG to its end, with these params, triggered by these events."""

    def __call__(self, dag_id: str, events: Sequence[Event] = (), /, **params: Any) -> DagRunResult: ...


@pytest.fixture(scope="session")
def _airflow_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[AirflowProcess]]:
    processes: list[AirflowProcess] = []
    yield processes
    for process in processes:
        process.stop()


@pytest.fixture
def airflow(
    _airflow_processes: list[AirflowProcess], tmp_path_factory: pytest.TempPathFactory
) -> AirflowProcess:
    """Return the Airflow of all tests, or a new one after a DAG run that timed out."""
    if not any(process.is_alive for process in _airflow_processes):
        _airflow_processes.append(AirflowProcess(tmp_path_factory.mktemp("airflow")))
    return _airflow_processes[-1]


@pytest.fixture
def run_dag(airflow: AirflowProcess, damstra_emulator: DamstraEmulator) -> RunDag:
    """Return a function that runs an example DAG against the emulator."""
    connections = {"damstra_default": damstra_emulator.connection_json}
    return lambda dag_id, events=(), /, **params: airflow.run(
        dag_id, params, connections=connections, events=events
    )


@pytest.fixture
def api(damstra_emulator: DamstraEmulator) -> Iterator[ApiClient]:
    """Return a plain client of the emulator's API."""
    with closing(ApiClient(damstra_emulator.url, damstra_emulator.access_key)) as client:
        yield client
