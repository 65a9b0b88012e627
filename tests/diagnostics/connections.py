"""The connection of the tests, in the environment."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

CONN_ID = "damstra_default"
VARIABLE = "AIRFLOW_CONN_DAMSTRA_DEFAULT"


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Change fields of the connection in the environment."""
    present = json.loads(os.environ.get(VARIABLE, '{"conn_type": "damstra", "password": "a-secret-key"}'))
    monkeypatch.setenv(VARIABLE, json.dumps({**present, **fields}))
