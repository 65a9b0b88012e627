"""Validation and parsing of operator arguments, without a request and without pydantic models.

``validate_<what>`` returns nothing, ``parse_<what>`` the converted value. Both raise a ``ValueError`` that
names the argument and what it can be.
"""

from __future__ import annotations

import ast
import codecs
import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_BRACKETS = ("[", "(", "{")
_MAX_DIGITS = 18


def is_rendered_later(value: Any) -> bool:
    """Return whether a value is known only at run time: a template, or another task's output."""
    from airflow.sdk import XComArg

    is_template = isinstance(value, str) and ("{{" in value or "{%" in value)
    return is_template or isinstance(value, XComArg)


def is_empty(value: Any) -> bool:
    """Return whether a list is empty, be it an XCom or a rendered text such as ``[]``."""
    try:
        return not value if isinstance(value, Mapping) else not parse_list(value)
    except ValueError:
        return False


def validate_choice(name: str, value: Any, *allowed: str | None) -> None:
    """Validate that a value is one of the allowed values."""
    if value not in allowed:
        choices = " or ".join(str(choice) for choice in allowed if choice is not None)
        raise ValueError(f"{name} is {value!r}; it can be {choices}")


def validate_literal(name: str, value: Any, *allowed: str) -> None:
    """Validate that a text is one of the allowed values, unless it is a template, or of another type."""
    if isinstance(value, str) and not is_rendered_later(value):
        validate_choice(name, value, *allowed)


def validate_encoding(name: str, value: Any) -> None:
    """Validate that a value is None or the name of an encoding."""
    try:
        if value is not None:
            codecs.lookup(value)
    except (LookupError, TypeError, ValueError):
        raise ValueError(
            f"{name} is {value!r}; it is the name of an encoding, such as utf-8, cp1252 or utf-16"
        ) from None


def validate_delimiter(name: str, value: Any) -> None:
    """Validate that a value is None or a character that can separate the cells of a line."""
    if value is not None and not (isinstance(value, str) and len(value) == 1 and value not in '"\r\n\0'):
        raise ValueError(f"{name} is {value!r}; it is one character, such as ';' or '\\t'")


def validate_time_zone(name: str, value: Any) -> None:
    """Validate that a value is the name of an IANA time zone."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ValueError(
            f"{name} is {value!r}; it must be an IANA time zone such as Australia/Perth"
        ) from None


def validate_subset(name: str, values: Any, *allowed: str) -> None:
    """Validate that a list contains only allowed values."""
    if isinstance(values, str) or not set(values) <= set(allowed):
        raise ValueError(f"{name} is {values!r}; it is a list that can hold {' and '.join(allowed)}")


def validate_names(**arguments: Any) -> None:
    """Validate that values are lists of different names."""
    for name, value in arguments.items():
        is_list = isinstance(value, (list, tuple))
        if not is_list or not all(isinstance(one, str) and one.strip() for one in value):
            raise ValueError(f"{name} is {value!r}; it is a list of names")
        if len(set(value)) < len(value):
            raise ValueError(f"{name} is {value!r}; it has a name twice")


def validate_exactly_one(**arguments: Any) -> None:
    """Validate that exactly one of several mutually exclusive arguments is not None."""
    given = [name for name, value in arguments.items() if value is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(arguments)}; given: {', '.join(given) or 'none'}")


def validate_at_most_one(**arguments: Any) -> None:
    """Validate that at most one of several mutually exclusive arguments is not None."""
    given = [name for name, value in arguments.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"give at most one of {', '.join(arguments)}; given: {', '.join(given)}")


def validate_at_least_one(**arguments: Any) -> None:
    """Validate that at least one of several arguments is not None."""
    if all(value is None for value in arguments.values()):
        raise ValueError(f"give at least one of {', '.join(arguments)}; there is nothing to do otherwise")


def validate_booleans(**values: Any) -> None:
    """Validate that values are True or False: a string such as ``"false"`` would be truthy."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}; it can be True or False")


def validate_number(name: str, value: Any, *, at_least: float) -> None:
    """Validate that a value is a finite int or float and not below a minimum."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and at_least <= value < math.inf):
        template = " and no template" if isinstance(value, str) and "{{" in value else ""
        raise ValueError(f"{name} is {value!r}; it is a number of at least {at_least:g}{template}")


def validate_integer(name: str, value: Any, *, at_least: int) -> None:
    """Validate that a value is an int and not below a minimum."""
    validate_number(name, value, at_least=at_least)
    if not isinstance(value, int):
        raise ValueError(f"{name} is {value!r}; it is a whole number")


def validate_share(name: str, value: Any, *words: str) -> None:
    """Validate that a value is a share above 0 and up to 1, or one of some words.

    :param words: the allowed words, of ``all`` and ``any``.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (value in words or (is_number and 0 < value <= 1)):
        allowed = f"{', '.join(words)}, or a share" if words else "a share"
        raise ValueError(f"{name} is {value!r}; it can be {allowed} above 0 and up to 1")


def validate_no_password(value: Any) -> None:
    """Validate that templated arguments contain no password: Airflow stores and displays them.

    :param value: any nesting of mappings and lists.
    :raises ValueError: if a mapping has a key ``password``.
    """
    if _has_password(value):
        raise ValueError(
            "a password in an operator's arguments would be kept and shown by Airflow: leave it out, or set "
            "it with the hook in a task of your own"
        )


def _has_password(value: Any) -> bool:
    if isinstance(value, Mapping):
        keys = {str(key).lower() for key in value}
        return "password" in keys or any(map(_has_password, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_password, value))


def parse_list(value: Any, *, accepts_mapping: bool = False) -> list[Any]:
    """Return the items of a value that an argument, a rendered template or an XCom has.

    It is one item; a text such as ``1,2``, ``[1, 2]``, ``['1', '2']`` or ``(1, 2)``; or an iterable. Nested
    lists, such as the outputs of a mapped task, become one list.

    :param accepts_mapping: whether the value can be a mapping, which is one item.
    :raises ValueError: if the value is none of these.
    """
    if value is None:
        raise ValueError("it is None instead of ids: did the task that returns them run before this one?")
    if isinstance(value, str):
        text = value.strip()
        if not text.startswith(_BRACKETS):
            return [part.strip() for part in text.split(",") if part.strip()]
        value = _parse_literal(text)
    if isinstance(value, int) or (accepts_mapping and isinstance(value, Mapping)):
        return [value]
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        kind = type(value).__name__
        raise ValueError(f"it is a {kind}; it must be an id, a list of ids, or a string such as 1,2")
    return [item for part in value for item in (parse_list(part) if _is_list(part) else [part])]


def parse_names(value: Any) -> list[Any]:
    """Return names that an argument, a rendered template or an XCom has; a name may contain commas.

    It is one name; a text such as ``['A', 'B']``; or an iterable. Nested lists become one list.

    :raises ValueError: if the value is none of these.
    """
    if value is None:
        raise ValueError("it is None instead of names: did the task that returns them run before this one?")
    if isinstance(value, str):
        literal: Any = None
        with suppress(ValueError):  # a name may begin with a bracket
            literal = _parse_literal(value.strip()) if value.strip().startswith(_BRACKETS) else None
        if not isinstance(literal, (list, tuple, set)):
            return [value]
        value = literal
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"it is a {type(value).__name__}; it must be a name or a list of names")
    return [name for part in value for name in (parse_names(part) if _is_nested(part) else [part])]


def _is_nested(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))


def _parse_literal(text: str) -> Any:
    """Return the list, tuple, set or mapping that a text is in JSON or in Python's syntax."""
    for parse in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return parse(text)
    raise ValueError(f"it is neither ids nor a list of them: {text[:100]!r}")


def _is_list(value: Any) -> bool:
    if isinstance(value, str):
        return "," in value or value.strip().startswith(_BRACKETS)
    return isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping))


def parse_ids(name: str, values: Any) -> list[int]:
    """Return ids as integers, in their order, without duplicates; an empty list is invalid."""
    try:
        texts = [str(item).strip() for item in parse_list(values)]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    parsed = [int(text) for text in texts if text.isdecimal() and len(text) <= _MAX_DIGITS and int(text) > 0]
    if not parsed or len(parsed) < len(texts):
        raise ValueError(f"{name} is {values!r}; it is a list of ids")
    return list(dict.fromkeys(parsed))


def parse_id(name: str, value: Any) -> int:
    """Return one id as an integer."""
    ids: list[int] = []
    with suppress(ValueError):
        ids = parse_ids(name, value)
    if len(ids) != 1:
        raise ValueError(f"{name} is {value!r}; it is one id")
    return ids[0]


def parse_bool(name: str, value: Any) -> bool:
    """Return a boolean, or a rendered template such as ``True`` or ``false``, as a boolean."""
    text = str(value).lower()
    validate_choice(name, text if text in ("true", "false") else value, "true", "false")
    return text == "true"


def parse_mapping(name: str, value: Any) -> dict[str, Any]:
    """Return a mapping as a dictionary; a template without native objects renders to text instead."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is a {type(value).__name__}, not names and values")
    return dict(value)


def parse_share(name: str, value: Any, *words: str) -> Any:
    """Return a share, or a rendered template such as ``0.5`` or ``any``, as a number or one of some words."""
    if isinstance(value, str) and value not in words:
        with suppress(ValueError):  # the validation reports the value
            value = float(value)
    validate_share(name, value, *words)
    return value


def required_count(share: str | float, count: int) -> int:
    """Return a share of a count, rounded up, at least 1: of ``any``, ``all``, or a number.

    Exact for decimals: 0.07 of 100 is 7, although ``0.07 * 100 > 7``.
    """
    number = {"any": 0.0, "all": 1.0}[share] if isinstance(share, str) else share
    return max(1, math.ceil(round(number * count, 9)))
