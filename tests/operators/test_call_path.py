"""Depth of the package's stack frames between an operator and the HTTP library."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from requests.adapters import HTTPAdapter

import airflow_provider_damstra
from airflow_provider_damstra.endpoints import GetUser
from airflow_provider_damstra.errors import DamstraError
from airflow_provider_damstra.hooks.damstra import DamstraHook
from tests.operators.all_cases import CASES

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator
    from tests.operators.operator_case import Scenario

PACKAGE = str(Path(airflow_provider_damstra.__file__).parent)
MAX_FRAMES = 6
ITERATION_FRAMES = 3


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the package's functions on the stack at each request; filled as requests are sent."""
    found: list[list[str]] = []
    send = HTTPAdapter.send

    def record(*args: Any, **options: Any) -> Any:
        own = [frame for frame in traceback.extract_stack() if frame.filename.startswith(PACKAGE)]
        names = [f"{Path(frame.filename).stem}.{frame.name}" for frame in own]
        # Comprehensions are frames up to Python 3.11 only.
        found.append([name for name in names if "<" not in name and not name.endswith(".execute")])
        return send(*args, **options)

    monkeypatch.setattr(HTTPAdapter, "send", record)
    return found


def max_frames(path: list[str]) -> int:
    return MAX_FRAMES + (ITERATION_FRAMES if "client.pages" in path else 0)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_few_frames_are_between_execute_and_the_http_library(
    scenario: Scenario, paths: list[list[str]]
) -> None:
    paths.clear()
    scenario.run()
    assert paths
    assert [path for path in paths if len(path) > max_frames(path)] == []


def test_client_adds_two_frames_to_a_call(damstra_emulator: DamstraEmulator, paths: list[list[str]]) -> None:
    hook = DamstraHook()
    hook.call(GetUser(user_id=1011))
    assert paths == [["damstra.call", "client.call", "client._send"]]


def test_traceback_of_failing_call_has_four_frames(damstra_emulator: DamstraEmulator) -> None:
    damstra_emulator.add_fault("status", status=403)
    with pytest.raises(DamstraError) as caught:
        DamstraHook().call(GetUser(user_id=1011))
    own = [entry for entry in caught.traceback if str(entry.path).startswith(PACKAGE)]
    assert [entry.name for entry in own] == ["call", "call", "call", "read"]
