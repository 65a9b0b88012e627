"""Parts of queries that listings have in common."""

from __future__ import annotations

from typing import Any


def like(part: str | None) -> str | None:
    """Return the pattern of texts that contain a part, for ``LIKE ... ESCAPE '!'``."""
    if part is None:
        return None
    escaped = part.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def fitting(conditions: dict[str, tuple[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return the condition that all of some hold, with its values; one whose value is None is left out."""
    given = {name: (sql, value) for name, (sql, value) in conditions.items() if value is not None}
    where = " AND ".join(sql for sql, _ in given.values()) or "true"
    return where, {name: value for name, (_, value) in given.items()}
