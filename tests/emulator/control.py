"""The control plane, spoken to over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from airflow_provider_damstra.testing import DamstraEmulator


def control(emulator: DamstraEmulator, method: str, path: str, body: Any = None) -> requests.Response:
    """Send a request to the control plane and return the answer, whatever its status."""
    return requests.request(method, f"{emulator.url}/_emulator{path}", json=body, timeout=10)
