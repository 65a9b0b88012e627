"""Connections of type ``damstra``, made as a test needs them."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import Connection

KEY = "K3y-that-nobody-may-see"


def connection(*, extra: Any = None, **fields: Any) -> Connection:
    """Return a connection; ``extra`` is JSON text, or becomes it."""
    text = extra if extra is None or isinstance(extra, str) else json.dumps(extra)
    return Connection(**{"conn_id": "lms", "conn_type": "damstra", "password": KEY, "extra": text, **fields})


def environment(*, extra: Any = None, **fields: Any) -> str:
    """Return a connection as JSON, for ``AIRFLOW_CONN_...``."""
    return json.dumps({"conn_type": "damstra", "password": KEY, "extra": extra or {}, **fields})
