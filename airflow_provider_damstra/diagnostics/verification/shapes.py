"""Shapes of JSON values: types and formats of dates, without the values."""

from __future__ import annotations

import re
from typing import Any

_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:(?P<separator>[T ])\d\d:\d\d(?P<seconds>:\d\d)?(?P<fraction>\.\d+)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?)?"
)
OWN_ZONE = "+HHMM"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
_WORD = re.compile(r"[a-z_]{1,20}")


def json_type(value: Any) -> str:
    """Return the name that JSON schema has for a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    types = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return types[type(value)]


def date_format(value: Any) -> str:
    """Return the format of a date, such as ``YYYY-MM-DDTHH:MM:SS+0000``, or what it is instead."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return "an empty text" if value == "" else f"no date ({json_type(value)})"
    if found["separator"] is None:
        return "YYYY-MM-DD"
    zone = found["zone"] or ""
    if zone not in ("", "Z") and zone.strip("+-").replace(":", "") != "0000":
        zone = "+HH:MM" if ":" in zone else OWN_ZONE
    fraction = "." + "m" * (len(found["fraction"]) - 1) if found["fraction"] else ""
    seconds = ":SS" if found["seconds"] else ""
    return f"YYYY-MM-DD{found['separator']}HH:MM{seconds}{fraction}{zone}"


def is_same_format(found: str, expected: str) -> bool:
    """Return whether a date has the expected format; the own zone of an account may be UTC."""
    return found == expected or (
        expected.endswith(OWN_ZONE) and found == expected.removesuffix(OWN_ZONE) + "+0000"
    )


def safe_name(name: str) -> str:
    """Return the name of a field, unless it may be data."""
    return name if _NAME.fullmatch(name) else "(a name that is not an identifier)"


def safe_code(value: Any) -> str:
    """Return a code, such as the number or the word of a status; anything else only by its type."""
    if isinstance(value, int) and abs(value) < 1000:
        return str(value)
    return (
        value
        if isinstance(value, str) and _WORD.fullmatch(value)
        else f"(a value of type {json_type(value)})"
    )
