"""Connections of type ``damstra`` for tests."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import Connection

KEY = "K3y-that-must-not-be-shown"


def connection(*, extra: Any = None, **fields: Any) -> Connection:
    """Return a connection; ``extra`` is JSON text, or is converted to it."""
    text = extra if extra is None or isinstance(extra, str) else json.dumps(extra)
    return Connection(**{"conn_id": "lms", "conn_type": "damstra", "password": KEY, "extra": text, **fields})


def connection_json(*, extra: Any = None, **fields: Any) -> str:
    """Return a connection as JSON for ``AIRFLOW_CONN_<ID>``."""
    return json.dumps({"conn_type": "damstra", "password": KEY, "extra": extra or {}, **fields})
