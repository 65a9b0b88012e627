"""Shares such as ``threshold`` and ``wait_for``. Cheap to import: DAG files validate with it."""

from __future__ import annotations

import math
from typing import Any


def validate_wait_for(name: str, value: Any) -> str | float:
    """Return ``all``, ``any``, or a share above 0 and up to 1.

    :raises ValueError: naming the argument and its allowed values.
    """
    if value not in ("all", "any") and not _is_share(value):
        raise ValueError(f"{name} is {value!r}; it can be all, any, or a share above 0 and up to 1")
    valid: str | float = value
    return valid


def validate_share(name: str, value: Any) -> float:
    """Return a share above 0 and up to 1.

    :raises ValueError: naming the argument and its allowed values.
    """
    if not _is_share(value):
        raise ValueError(f"{name} is {value!r}; it can be a share above 0 and up to 1")
    return float(value)


def parse_number(value: Any) -> Any:
    """Return the number in a text, as a template renders it; anything else unchanged."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def required_count(share: float, count: int) -> int:
    """Return a share of a count, rounded up. Exact for decimals: 7 % of 100 is 7, although 0.07 * 100 > 7."""
    return math.ceil(round(share * count, 9))


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1
