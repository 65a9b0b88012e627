"""The forms that operators' arguments have, and checks of them that need no request."""

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
    """Return whether a value is only known when the task runs: a template, or another task's output."""
    from airflow.sdk import XComArg

    return isinstance(value, XComArg) or (isinstance(value, str) and "{{" in value)


def is_empty(value: Any) -> bool:
    """Return whether a list holds nothing, be it an XCom's or a text that a template rendered to."""
    if isinstance(value, str):
        return value.strip() in ("", "[]", "()")
    return isinstance(value, Sized) and not len(value)


def validate_choice(name: str, value: Any, *allowed: str | bool | None) -> None:
    """Refuse a value that is not among the allowed ones.

    :raises ValueError: naming the argument and what it can be.
    """
    if value not in allowed:
        raise ValueError(
            f"{name} is {value!r}; it can be {' or '.join(str(one) for one in allowed if one is not None)}"
        )


def validate_exactly_one(**arguments: Any) -> None:
    """Refuse none and more than one of several arguments that exclude each other.

    :raises ValueError: naming the arguments, and which of them were given.
    """
    given = [name for name, value in arguments.items() if value is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(arguments)}; given: {', '.join(given) or 'none'}")


def validate_at_least_one(**arguments: Any) -> None:
    """Refuse a step of which no argument says what it is to do.

    :raises ValueError: naming the arguments.
    """
    if all(value is None for value in arguments.values()):
        raise ValueError(f"give at least one of {', '.join(arguments)}; there is nothing to do otherwise")


def provided_arguments(owner: object, *names: str) -> dict[str, Any]:
    """Return those of an operator's arguments that are given."""
    values = {name: getattr(owner, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def validate_subset(name: str, values: Any, *allowed: str) -> None:
    """Refuse a list that holds anything but the allowed values.

    :raises ValueError: naming the argument and what it can hold.
    """
    if isinstance(values, str) or not set(values) <= set(allowed):
        raise ValueError(f"{name} is {values!r}; it is a list that can hold {' and '.join(allowed)}")


def validate_booleans(**values: Any) -> None:
    """Refuse what is neither True nor False: a text such as ``"false"`` would count as true.

    :raises ValueError: naming the argument.
    """
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}; it can be True or False")


def validate_number(name: str, value: Any, *, at_least: float) -> None:
    """Refuse what is no number, or too small a one.

    :raises ValueError: naming the argument and how much it must be.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= at_least:
        raise ValueError(f"{name} is {value!r}; it is a number of at least {at_least:g}")


def validate_integer(name: str, value: Any, *, at_least: int) -> None:
    """Refuse what is no whole number, or too small a one.

    :raises ValueError: naming the argument and how much it must be.
    """
    validate_number(name, value, at_least=at_least)
    if not isinstance(value, int):
        raise ValueError(f"{name} is {value!r}; it is a whole number")


def parse_ids(name: str, values: Any) -> list[int]:
    """Return ids as numbers, in their order, each once.

    :raises ValueError: naming the argument, if there is none, or one is no id.
    """
    listed = [] if isinstance(values, (str, bytes)) else list(values)
    found = [int(one) for one in listed if str(one).isdecimal() and int(one) > 0]
    if not found or len(found) < len(listed):
        raise ValueError(f"{name} is {values!r}; it is a list of ids")
    return list(dict.fromkeys(found))


def parse_bool(name: str, value: Any) -> bool:
    """Return what may be a template that renders to ``True`` or ``false`` as a boolean.

    :raises ValueError: naming the argument, if it is something else.
    """
    text = str(value).lower()
    validate_choice(name, text if text in ("true", "false") else value, "true", "false")
    return text == "true"


def parse_mapping(name: str, value: Any) -> dict[str, Any]:
    """Return names and values as a dictionary.

    :raises ValueError: naming the argument, if it is something else, such as a template that renders to text.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is a {type(value).__name__}, not names and values")
    return dict(value)


def validate_no_password(members: Any) -> None:
    """Refuse a password among templated members, which Airflow keeps and shows.

    :raises ValueError: if there is one.
    """
    if _has_password(members):
        raise ValueError(
            "a password in an operator's arguments would be kept and shown by Airflow: leave it out, or set "
            "it with the hook in a task of your own"
        )


def _has_password(members: Any) -> bool:
    if isinstance(members, Mapping):
        names = {str(name).lower() for name in members}
        return "password" in names or any(map(_has_password, members.values()))
    return isinstance(members, (list, tuple)) and any(map(_has_password, members))
