"""Routes of the control plane for whole documents: the state of the emulator, and scenarios."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from airflow_provider_damstra.emulator.control import State, value_errors_as_bad_request
from airflow_provider_damstra.emulator.scenario_document import parse_scenario
from airflow_provider_damstra.emulator.settings import CONTROL_PREFIX
from airflow_provider_damstra.emulator.snapshot import Snapshot, export_state, import_state
from airflow_provider_damstra.endpoints.base import RequestModel

document_router = APIRouter(prefix=CONTROL_PREFIX, tags=["control plane: documents"])


class _ScenarioRequest(RequestModel):
    document: str
    source: str = "scenario"


@document_router.get("/state")
async def get_state(state: State) -> Snapshot:
    """Return data, ids and clock as one document, which is consistent."""
    return export_state(state)


@document_router.put("/state", status_code=204, response_model=None)
async def put_state(state: State, snapshot: Snapshot) -> None:
    """Replace data, ids and clock; no event is sent."""
    with value_errors_as_bad_request():
        import_state(state, snapshot)


@document_router.get("/scenario")
async def get_scenario(state: State) -> list[dict[str, Any]]:
    """Return the steps of the scenario by time, each ``pending``, ``done`` or ``failed``."""
    return state.scenario.as_json()


@document_router.post("/scenario")
async def start_scenario(state: State, body: _ScenarioRequest) -> list[dict[str, Any]]:
    """Start a scenario, the text of a scenario file, instead of the one before."""
    with value_errors_as_bad_request():
        state.scenario.start(*parse_scenario(body.document, source=body.source))
    return state.scenario.as_json()
