"""The journal: every request, so that a test can prove what was asked and what it changed."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from airflow_provider_damstra.emulator.clock import milliseconds_in_utc
from airflow_provider_damstra.emulator.routing import match_route

if TYPE_CHECKING:
    from datetime import datetime

LONGEST = 100_000
_SECRET = "password"  # noqa: S105 (the name of the member that is masked)


@dataclass(kw_only=True)
class Entry:
    """One request.

    :param status: the status of the answer, or None if there was none.
    :param rows: the rows it changed: table, id and what was done.
    :param fault: the kind of fault that struck it, or None.
    """

    time: datetime
    method: str
    path: str
    query: str
    raw_body: bytes
    status: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the entry with its passwords masked."""
        return {
            "time": milliseconds_in_utc(self.time),
            "method": self.method,
            "path": self.path,
            "query": dict(parse_qsl(self.query, keep_blank_values=True)),
            "body": _readable(self.raw_body),
            "status": self.status,
            "rows": self.rows,
            "fault": self.fault,
        }


class Journal:
    """The entries, in the order in which the requests ended; of too many the oldest are dropped."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=LONGEST)

    def add(self, entry: Entry) -> None:
        """Add an entry."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()

    def entries(self, method: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the entries that fit a method and a pattern of paths."""
        return [
            entry.as_json() for entry in self._entries if match_route(method, path, entry.method, entry.path)
        ]


def _readable(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return _masked(json.loads(raw))
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "***" if name.lower() == _SECRET else _masked(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return value
