"""Journal of all API requests, with which a test can prove what was sent and what it changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator.clock import format_utc_milliseconds
from airflow_provider_damstra.emulator.routing import match_route

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MAX_ENTRIES_KEPT = 100_000


@dataclass(kw_only=True)
class JournalEntry:
    """One request and its outcome.

    :param path: relative to ``/api/v2``.
    :param status: the status of the response, or None if the request was not handled.
    :param rows: the changed rows: table, id and action.
    :param fault: the kind of fault that was injected, or None.
    """

    time: datetime
    method: str
    path: str
    query: dict[str, str]
    raw_body: bytes
    status: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the control plane shows it; passwords are masked."""
        return {
            "time": format_utc_milliseconds(self.time),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "body": _decode_body(self.raw_body),
            "status": self.status,
            "rows": self.rows,
            "fault": self.fault,
        }


def filter_entries(
    entries: Iterable[JournalEntry], method: str | None = None, path_pattern: str | None = None
) -> list[JournalEntry]:
    """Return the entries of requests that match a method and a path pattern."""
    return [entry for entry in entries if match_route(method, path_pattern, entry.method, entry.path)]


def _decode_body(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return _mask_passwords(json.loads(raw))
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _mask_passwords(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "***" if name.lower() == "password" else _mask_passwords(nested)
            for name, nested in value.items()
        }
    if isinstance(value, list):
        return [_mask_passwords(nested) for nested in value]
    return value
