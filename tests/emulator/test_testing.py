"""Fixture ``damstra_emulator`` in a separate project, and class ``DamstraEmulator``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from airflow_provider_damstra.testing import DamstraEmulator
from tests.emulator.api_client import ApiClient

ROOT = Path(__file__).parents[2]
MODULE = "airflow_provider_damstra.testing"

TEST_MODULE = """
import json, os, urllib.request

def find_newcomers():
    connection = json.loads(os.environ["AIRFLOW_CONN_DAMSTRA_DEFAULT"])
    url = connection["host"] + "/api/v2/user?q=newcomer"
    request = urllib.request.Request(url, headers={"AccessKey": connection["password"]})
    with urllib.request.urlopen(request) as response:
        return json.load(response)["results"]

def test_first(damstra_emulator):
    assert find_newcomers() == []
    damstra_emulator.add_fault("status", status=500)

def test_second(damstra_emulator):
    assert find_newcomers() == []
    assert len(damstra_emulator.journal()) == 1

def test_without_fixture():
    assert "AIRFLOW_CONN_DAMSTRA_DEFAULT" not in os.environ
"""


def run_python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("AIRFLOW_CONN_DAMSTRA_DEFAULT", None)
    return subprocess.run(  # noqa: S603 (what this file writes)
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
    )


def test_fixture_is_reset_before_each_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test_dag.py").write_text(TEST_MODULE)
    # Other plugins are slow to import.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run_python("-m", "pytest", "-q", "-W", "error", "-p", MODULE, cwd=tmp_path)
    assert "3 passed" in result.stdout, result.stdout + result.stderr


def test_import_loads_no_heavy_module() -> None:
    heavy = ("fastapi", "uvicorn", "starlette", "pydantic", "requests", "aiohttp", "airflow", "sqlite3")
    code = f"import {MODULE}, sys; print([name for name in {heavy!r} if name in sys.modules])"
    assert run_python("-c", code, cwd=ROOT).stdout == "[]\n"


def test_connection_uri_and_json_are_equal(emulator: DamstraEmulator) -> None:
    connection, uri = json.loads(emulator.connection_json), urlsplit(emulator.connection_uri)
    assert connection["host"] == emulator.url
    assert (connection["conn_type"], connection["password"]) == ("damstra", emulator.access_key)
    assert (uri.scheme, uri.password) == ("damstra", emulator.access_key)
    assert json.loads(parse_qs(uri.query)["__extra__"][0]) == connection["extra"]


def test_airflow_parses_uri_and_json_equally(
    emulator: DamstraEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection_class = pytest.importorskip("airflow.sdk").Connection
    found = []
    for text in (emulator.connection_json, emulator.connection_uri):
        monkeypatch.setenv("AIRFLOW_CONN_EMULATED", text)
        connection = connection_class.get("emulated")
        found.append((connection.conn_type, connection.host, connection.password, connection.extra_dejson))
    assert (
        found[0]
        == found[1]
        == ("damstra", emulator.url, emulator.access_key, {"timeout": 10, "max_retries": 2})
    )


def test_two_emulators_run_independently() -> None:
    with (
        DamstraEmulator(seed="empty", access_key="one") as first,
        DamstraEmulator(seed="demo", access_key="two", page_cap=7) as second,
    ):
        assert len(ApiClient(first.url, "one").get_json("/user")["results"]) == 1
        assert len(ApiClient(second.url, "two").get_json("/user", maxResults=50)["results"]) == 7
        assert ApiClient(second.url, "one").get("/user").status_code == 403
        first.reset()
        assert first.journal() == []
        assert len(ApiClient(first.url, "one").get_json("/user", activeValue="all")["results"]) == 1


def test_stopped_emulator_refuses_connections() -> None:
    with DamstraEmulator(seed="empty") as emulator:
        url = emulator.url
        assert emulator.now.tzinfo is not None
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, timeout=5)


def test_unknown_seed_raises_at_start() -> None:
    with pytest.raises(ValueError, match="there is no seed"):
        DamstraEmulator(seed="nonsense").start()
