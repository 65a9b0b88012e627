"""Fixtures of the tests of the example DAGs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.emulator.api_client import ApiClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.example_dags.airflow_process import AirflowProcess, DagRunResult
    from tests.example_dags.asset_events import Event


class RunDag(Protocol):
    """Run an example DAG to its end, with these params, triggered by these events."""

    def __call__(self, dag_id: str, events: Sequence[Event] = (), /, **params: Any) -> DagRunResult: ...


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
