"""How many are enough: a share. Imports nothing, for DAG files check their arguments with it."""

from __future__ import annotations

from typing import Any


def validate_wait_for(name: str, value: Any) -> str | float:
    """Return ``all``, ``any``, or a share above 0 and up to 1, and refuse anything else.

    :raises ValueError: naming the argument and what it can be.
    """
    if value not in ("all", "any") and not _is_share(value):
        raise ValueError(f"{name} is {value!r}; it can be all, any, or a share above 0 and up to 1")
    found: str | float = value
    return found


def validate_share(name: str, value: Any) -> float:
    """Return a share above 0 and up to 1, and refuse anything else.

    :raises ValueError: naming the argument and what it can be.
    """
    if not _is_share(value):
        raise ValueError(f"{name} is {value!r}; it can be a share above 0 and up to 1")
    return float(value)


def parse_number(value: Any) -> Any:
    """Return the number that a template rendered to as a text, and anything else as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1
