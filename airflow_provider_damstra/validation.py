"""Validation and parsing of operator arguments, without a request and without pydantic models.

``validate_<what>`` raises ``ValueError`` and returns nothing; ``parse_<what>`` returns the converted value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from airflow.sdk import XComArg

    Id: TypeAlias = int | str | XComArg
    """One id: a number, a template that renders to one, or another task's output."""

    Ids: TypeAlias = Sequence[int | str] | int | str | XComArg
    """One id or several: a list, a text such as ``1,2``, a template, or another task's output."""


def is_rendered_later(value: Any) -> bool:
    """Return whether a value is known only at run time: a template, or another task's output."""
    from airflow.sdk import XComArg

    return isinstance(value, XComArg) or (isinstance(value, str) and "{{" in value)


def is_empty(value: Any) -> bool:
    """Return whether a list is empty, be it an XCom or a rendered text such as ``[]``."""
    if isinstance(value, str):
        return value.strip() in ("", "[]", "()")
    return isinstance(value, Sized) and not len(value)


def provided_arguments(operator: object, *names: str) -> dict[str, Any]:
    """Return the named attributes of an operator that are not None."""
    values = {name: getattr(operator, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def validate_choice(name: str, value: Any, *allowed: str | bool | None) -> None:
    """Validate that a value is one of the allowed values.

    :raises ValueError: naming the argument and the allowed values.
    """
    if value not in allowed:
        choices = " or ".join(str(choice) for choice in allowed if choice is not None)
        raise ValueError(f"{name} is {value!r}; it can be {choices}")


def validate_subset(name: str, values: Any, *allowed: str) -> None:
    """Validate that a list contains only allowed values.

    :raises ValueError: naming the argument and the allowed values.
    """
    if isinstance(values, str) or not set(values) <= set(allowed):
        raise ValueError(f"{name} is {values!r}; it is a list that can hold {' and '.join(allowed)}")


def validate_exactly_one(**arguments: Any) -> None:
    """Validate that exactly one of several mutually exclusive arguments is not None.

    :raises ValueError: naming the arguments, and which of them were given.
    """
    given = [name for name, value in arguments.items() if value is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(arguments)}; given: {', '.join(given) or 'none'}")


def validate_at_least_one(**arguments: Any) -> None:
    """Validate that at least one of several arguments is not None.

    :raises ValueError: naming the arguments.
    """
    if all(value is None for value in arguments.values()):
        raise ValueError(f"give at least one of {', '.join(arguments)}; there is nothing to do otherwise")


def validate_booleans(**values: Any) -> None:
    """Validate that values are True or False: a text such as ``"false"`` would be truthy.

    :raises ValueError: naming the argument.
    """
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}; it can be True or False")


def validate_number(name: str, value: Any, *, at_least: float) -> None:
    """Validate that a value is an int or float and not below a minimum.

    :raises ValueError: naming the argument and the minimum.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= at_least:
        raise ValueError(f"{name} is {value!r}; it is a number of at least {at_least:g}")


def validate_integer(name: str, value: Any, *, at_least: int) -> None:
    """Validate that a value is an int and not below a minimum.

    :raises ValueError: naming the argument and the minimum.
    """
    validate_number(name, value, at_least=at_least)
    if not isinstance(value, int):
        raise ValueError(f"{name} is {value!r}; it is a whole number")


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


def parse_ids(name: str, values: Any) -> list[int]:
    """Return ids as integers, in their order, without duplicates.

    :raises ValueError: naming the argument, if the list is empty or one of its items is no id.
    """
    items = [] if isinstance(values, (str, bytes)) else list(values)
    parsed = [int(item) for item in items if str(item).isdecimal() and int(item) > 0]
    if not parsed or len(parsed) < len(items):
        raise ValueError(f"{name} is {values!r}; it is a list of ids")
    return list(dict.fromkeys(parsed))


def parse_bool(name: str, value: Any) -> bool:
    """Return a boolean, or a rendered template such as ``True`` or ``false``, as a boolean.

    :raises ValueError: naming the argument, if it is neither.
    """
    text = str(value).lower()
    validate_choice(name, text if text in ("true", "false") else value, "true", "false")
    return text == "true"


def parse_mapping(name: str, value: Any) -> dict[str, Any]:
    """Return a mapping as a dictionary.

    :raises ValueError: naming the argument, if it is something else, such as a template that renders to text.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is a {type(value).__name__}, not names and values")
    return dict(value)
