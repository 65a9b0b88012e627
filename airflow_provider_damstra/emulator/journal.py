"""Journal of all API requests, with which a test can prove what was sent and what it changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

MAX_ENTRIES_KEPT = 100_000


@dataclass(kw_only=True)
class JournalEntry:
    """One request and its outcome.

    :param time: the emulated time.
    :param path: relative to ``/api/v2``.
    :param status: the status of the response, or None if the request was not handled.
    :param rows: the changed rows: table, id and action.
    :param fault: the kind of fault that was injected, or None.
    """

    time: str
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    status: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the control plane shows it: the body decoded, with passwords masked."""
        return {**vars(self), "body": _decode_body(self.body)}


def _decode_body(raw: bytes) -> Any:
    try:
        return json.loads(raw, object_hook=_mask_password) if raw else None
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _mask_password(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: "***" if name.lower() == "password" else value for name, value in fields.items()}
