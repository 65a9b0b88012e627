"""The emulator, a client of it, and the Airflow connection to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from airflow_provider_damstra.clients.client import Client
from tests.clients.drivers import settings_for
from tests.sensors.cases import CASES, Damstra, SensorCase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.testing import DamstraEmulator


class Connect(Protocol):
    """Set the connection with other fields and extras."""

    def __call__(self, *, extra: dict[str, Any] | None = None, **fields: Any) -> None: ...


@pytest.fixture
def connect(damstra_emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Return a function that sets the connection, without retries by the client."""

    def connect(*, extra: dict[str, Any] | None = None, **fields: Any) -> None:
        connection = json.loads(damstra_emulator.connection_json)
        connection |= {**fields, "extra": {"timeout": 10, "max_retries": 0, "verify": False, **(extra or {})}}
        monkeypatch.setenv("AIRFLOW_CONN_DAMSTRA_DEFAULT", json.dumps(connection))

    connect()
    return connect


@pytest.fixture
def damstra(damstra_emulator: DamstraEmulator, connect: Connect) -> Iterator[Damstra]:
    """Return the actions in Damstra that sensors wait for."""
    with Client(settings_for(damstra_emulator.url)) as client:
        yield Damstra(damstra_emulator, client)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out starts in the triggerer of sensors that cannot start there."""
    items[:] = [item for item in items if not _starts_impossibly(getattr(item, "callspec", None))]


def _starts_impossibly(callspec: Any) -> bool:
    parameters = callspec.params if callspec else {}
    case = parameters.get("case", parameters.get("sensor_case"))
    starts = str(parameters.get("mode", "")).startswith("start_from_trigger")
    return isinstance(case, SensorCase) and starts and not case.starts_in_triggerer


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest, damstra: Damstra) -> SensorCase:
    """Return each case, with its objects created."""
    return _prepare(request.param, damstra)


@pytest.fixture(params=[case for case in CASES if case.starts_in_triggerer], ids=str)
def starting_case(request: pytest.FixtureRequest, damstra: Damstra) -> SensorCase:
    """Return each case whose sensor can start in the triggerer, with its objects created."""
    return _prepare(request.param, damstra)


@pytest.fixture(params={case.sensor: case for case in CASES}.values(), ids=str)
def sensor_case(request: pytest.FixtureRequest, damstra: Damstra) -> SensorCase:
    """Return one case of each sensor, with its objects created."""
    return _prepare(request.param, damstra)


def _prepare(case: SensorCase, damstra: Damstra) -> SensorCase:
    case.prepare(damstra)
    damstra.emulator.clear_journal()
    return case
