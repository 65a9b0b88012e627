"""Fixtures of the operators' tests."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from airflow_provider_damstra.clients.client import Client
from tests.emulator.api_client import ApiClient
from tests.operators.operator_case import OperatorCase, RecordedRun, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_damstra.testing import DamstraEmulator


class ConnectionFactory(Protocol):
    """Create an Airflow connection to the emulator, with some fields changed."""

    def __call__(
        self, conn_id: str = "damstra_default", *, extra: dict[str, Any] = ..., **fields: Any
    ) -> None: ...


@pytest.fixture(autouse=True)
def _no_retry_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults: Any = vars(Client)["__init__"].__kwdefaults__
    monkeypatch.setitem(defaults, "sleep", lambda seconds: None)


@pytest.fixture
def connect(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> ConnectionFactory:
    """Return a function that creates connections to the emulator."""

    def connect(
        conn_id: str = "damstra_default", *, extra: dict[str, Any] | None = None, **fields: Any
    ) -> None:
        connection = json.loads(damstra_emulator.connection_json)
        connection |= {**fields, "extra": {**connection["extra"], **(extra or {})}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))

    return connect


@pytest.fixture
def api(damstra_emulator: DamstraEmulator) -> Iterator[ApiClient]:
    """Return a plain client of the emulator's API."""
    with closing(ApiClient(damstra_emulator.url, damstra_emulator.access_key)) as client:
        yield client


@pytest.fixture(scope="session")
def _recorded_runs() -> dict[str, RecordedRun]:
    return {}


@pytest.fixture
def scenario(
    case: OperatorCase,
    _recorded_runs: dict[str, RecordedRun],
    damstra_emulator: DamstraEmulator,
    api: ApiClient,
    tmp_path: Path,
) -> Scenario:
    """Return the scenario of the case with which a test is parametrized; the case is recorded once."""
    scenario = Scenario(case, damstra_emulator, api, tmp_path)
    if str(case) not in _recorded_runs:
        _recorded_runs[str(case)] = scenario.record()
    scenario.recorded = _recorded_runs[str(case)]
    scenario.set_up()
    return scenario
