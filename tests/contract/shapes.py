"""Whether an answer has the shape of the page's example."""

from __future__ import annotations

import re
from typing import Any


def strays(example: Any, value: Any, name: str = "$") -> list[str]:
    """Return where a value has a member that its example has not, or is of another kind.

    Dates have to be written in the example's format; a list's items are held against its first example.
    """
    if isinstance(example, dict) and isinstance(value, dict):
        unknown = [f"{name}.{key} is not on the page" for key in value if key not in example]
        shared = [key for key in value if key in example]
        return unknown + [
            found for key in shared for found in strays(example[key], value[key], f"{name}.{key}")
        ]
    if isinstance(example, list) and isinstance(value, list):
        return [found for item in value for found in strays(example[0], item, f"{name}[]")] if example else []
    if kind(example) != kind(value):
        return [f"{name} is {value!r}, unlike {example!r}"]
    if name.endswith(("Date", "Datetime")) and outline(example) != outline(value):
        return [f"{name} is written {value}, unlike {example}"]
    return []


def kind(value: Any) -> str:
    """Return the JSON type of a value."""
    return "number" if type(value) in {int, float} else type(value).__name__


def outline(date: str) -> str:
    """Return a date's format: its text with every digit 0 and every offset east."""
    return re.sub(r"-(?=\d{4}$)", "+", re.sub(r"\d", "0", date))
