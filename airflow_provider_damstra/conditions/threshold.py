"""Shares such as ``threshold`` and ``wait_for``. Cheap to import: DAG files validate with it."""

from __future__ import annotations

import math
from typing import Any

_SHARES = {"all": 1.0, "any": 0.0}


def validate_share(name: str, value: Any, *words: str) -> Any:
    """Return a share above 0 and up to 1, or one of the words ``all`` and ``any`` where they are allowed.

    :raises ValueError: naming the argument and its allowed values.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (value in words or (is_number and 0 < value <= 1)):
        allowed = "".join(f"{word}, " for word in words) + ("or " if words else "")
        raise ValueError(f"{name} is {value!r}; it can be {allowed}a share above 0 and up to 1")
    return value


def parse_number(value: Any) -> Any:
    """Return the number in a text, as a template renders it; anything else unchanged."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def required_count(share: str | float, count: int) -> int:
    """Return a share of a count, rounded up, at least 1: of ``any``, ``all``, or a number.

    Exact for decimals: 0.07 of 100 is 7, although ``0.07 * 100 > 7``.
    """
    number = _SHARES[share] if isinstance(share, str) else share
    return max(1, math.ceil(round(number * count, 9)))
