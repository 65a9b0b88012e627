"""The journal: the API requests and their outcomes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MAX_ENTRIES = 100_000
MAX_BODY_BYTES = 256 * 1024 * 1024
"""The most bytes of bodies that a journal keeps."""
MAX_SUMMARY_BODY_BYTES = 4_000
MAX_SUMMARY_ROWS = 20


@dataclass(kw_only=True)
class JournalEntry:
    """One API request and its outcome; a test can prove with it what was sent and what it changed.

    :param time: the emulated time.
    :param path: relative to ``/api/v2``.
    :param body: empty if the request had another access key.
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

    def summarize(self) -> dict[str, Any]:
        """Return the entry for the live journal: without a long body, and with the number of its rows."""
        is_long = len(self.body) > MAX_SUMMARY_BODY_BYTES
        body = f"{len(self.body)} bytes" if is_long else _decode_body(self.body)
        rows = self.rows[:MAX_SUMMARY_ROWS]
        return {**vars(self), "body": body, "rows": rows, "rowCount": len(self.rows)}


class Journal:
    """The latest requests: as many as ``MAX_ENTRIES``, and as many as have bodies of ``MAX_BODY_BYTES``."""

    def __init__(self) -> None:
        self._entries: deque[JournalEntry] = deque()
        self._body_bytes = 0

    def __iter__(self) -> Iterator[JournalEntry]:
        """Iterate over the entries, the oldest first."""
        return iter(self._entries)

    def append(self, entry: JournalEntry) -> None:
        """Add an entry, and remove the oldest ones that are too many."""
        self._entries.append(entry)
        self._body_bytes += len(entry.body)
        while len(self._entries) > MAX_ENTRIES or self._body_bytes > MAX_BODY_BYTES:
            self._body_bytes -= len(self._entries.popleft().body)

    def latest(self, count: int) -> Iterator[JournalEntry]:
        """Iterate over the latest entries, the oldest of them first."""
        return islice(self._entries, max(len(self._entries) - count, 0), None)

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()
        self._body_bytes = 0


def _decode_body(raw: bytes) -> Any:
    try:
        return json.loads(raw, object_hook=_mask_password) if raw else None
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _mask_password(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: "***" if name.lower() == "password" else value for name, value in fields.items()}
