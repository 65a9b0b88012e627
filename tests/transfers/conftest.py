"""Fixtures of the tests of transfers: those of operators, and databases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.operators.conftest import _no_retry_delay, api, connect
from tests.transfers.databases import Database, PostgreSQLDatabase, SQLiteDatabase
from tests.transfers.endpoint_server import endpoint_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgresql import PostgreSQL
    from tests.transfers.endpoint_server import EndpointServer

__all__ = ["_no_retry_delay", "api", "connect"]


@pytest.fixture
def on_postgresql(
    postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch
) -> PostgreSQLDatabase:
    """Return an empty database, to which the connection ``warehouse`` leads."""
    found = PostgreSQLDatabase(postgresql, database)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(found.connection_fields()))
    return found


@pytest.fixture
def on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Return an empty database, to which the connection ``warehouse`` leads."""
    found = SQLiteDatabase(tmp_path / "warehouse.db")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(found.connection_fields()))
    return found


@pytest.fixture(params=["on_postgresql", "on_sqlite"])
def warehouse(request: pytest.FixtureRequest) -> Database:
    """Return an empty database of each kind, to which the connection ``warehouse`` leads."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def hr(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    """Return an HTTP endpoint for completions, to which the connection ``hr`` leads."""
    with endpoint_server() as server:
        monkeypatch.setenv("AIRFLOW_CONN_HR", server.connection_json())
        yield server
