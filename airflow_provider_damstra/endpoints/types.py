"""Types of endpoint arguments: the values that they accept, and their JSON or query format.

``Argument[accepted, value]`` is the type of a field that contains another type than its constructor accepts:
an id is an ``int``, and ``"7"`` is accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr, StringConstraints

from airflow_provider_damstra.validation import parse_list

Value = TypeVar("Value")
Accepted = TypeVar("Accepted")

OMITTED: Any = None
"""Default of an optional argument: it is not sent."""


class Argument(Generic[Accepted, Value]):
    """Field type whose constructor argument and attribute have different types for type checkers.

    They read these from ``__set__`` and ``__get__``, as specified for dataclasses with descriptors. For
    pydantic, ``Argument[accepted, value]`` is ``value``, whose validators convert what is accepted.
    """

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: object) -> Value: ...

        def __set__(self, instance: object, value: Accepted) -> None: ...

    else:

        def __class_getitem__(cls, parameters: tuple[Any, Any]) -> Any:
            return parameters[1]


def _validate_not_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a number")
    return value


def _number_to_string(value: Any) -> Any:
    """Return a whole number as a string: JSON, pandas and native templates make numbers of digits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _validate_not_number(value: Any) -> Any:
    """Reject numbers, which pydantic would parse as seconds since 1970, such as a date without dashes."""
    is_digits = isinstance(value, str) and value.strip().replace(".", "", 1).removeprefix("-").isdigit()
    if is_digits or isinstance(value, (int, float)):
        raise ValueError(f"{value} is a number, not a date and time: write '2026-01-31T09:00:00+08:00'")
    return value


def _validate_time_zone(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(
            f"{value.isoformat()} has no time zone, so its meaning is ambiguous: write for example "
            "pendulum.datetime(2026, 1, 31, 9, tz='Australia/Perth'), or '2026-01-31T09:00:00+08:00'"
        )
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{value.isoformat()} is out of range in UTC") from None
    return value


def _to_seconds(value: datetime) -> datetime:
    return value.replace(microsecond=0)


def _to_milliseconds(value: datetime) -> datetime:
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _seconds_in_utc(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _milliseconds_in_own_zone(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}{value:%z}"


def validate_unique(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the values, after validating that there are no duplicates.

    :raises ValueError: naming the duplicates.
    """
    duplicates = [value for value, count in Counter(values).items() if count > 1]
    if duplicates:
        raise ValueError(f"duplicate values: {_join(duplicates)}")
    return values


def _join(values: Iterable[object]) -> str:
    return ",".join(str(value) for value in values)


def _parse_possibly_empty(value: Any) -> list[Any]:
    if isinstance(value, str) and not value.strip():
        raise ValueError("it is an empty string; [] is an empty list")
    return parse_list(value)


def _unwrap_ids(value: Any) -> Any:
    items = _parse_possibly_empty(value)
    return [item["id"] if isinstance(item, dict) and item.keys() == {"id"} else item for item in items]


def _as_references(ids: Iterable[int]) -> list[dict[str, int]]:
    return [{"id": number} for number in ids]


IdValue = Annotated[int, BeforeValidator(_validate_not_bool), Field(gt=0)]

Identifier = Argument[int | str, IdValue]
"""An id. A string of digits, such as a rendered template, is accepted."""

OptionalIdentifier = Argument[int | str | None, IdValue | None]

TrimmedText = Annotated[str, StringConstraints(strip_whitespace=True)]
"""A string, sent without surrounding blanks."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""A string that is not blank, sent without surrounding blanks."""

OptionalEmployeeNumber = Argument[
    str | int | None, Annotated[TrimmedText, BeforeValidator(_number_to_string)] | None
]
"""A string that often consists of digits; an int is accepted: ``4711`` is ``"4711"``."""

OptionalSearchedEmployeeNumber = Argument[
    str | int | None, Annotated[Name, BeforeValidator(_number_to_string)] | None
]
"""An employee number that is not blank: a search for a blank one would find every user."""

_Ids = Annotated[
    tuple[IdValue, ...], BeforeValidator(parse_list), AfterValidator(validate_unique), Field(min_length=1)
]

IdentifierList = Argument[Sequence[int | str] | int | str, _Ids]
"""One id or more, without duplicates, in any form that ``parse_list`` accepts, such as ``1,2``."""

OptionalIdentifierList = Argument[Sequence[int | str] | int | str | None, _Ids | None]

_PossiblyEmptyIds = Annotated[
    tuple[IdValue, ...], BeforeValidator(_parse_possibly_empty), AfterValidator(validate_unique)
]

PossiblyEmptyIdentifierList = Argument[Sequence[int | str] | int | str, _PossiblyEmptyIds]
"""Ids without duplicates, or none: ``[]``, but not an empty string, which an undefined variable renders."""

_References = Annotated[
    tuple[IdValue, ...], BeforeValidator(_unwrap_ids), PlainSerializer(_as_references, when_used="json")
]

OptionalReferences = Argument[Sequence[int | str] | int | str | None, _References | None]
"""Ids that are sent as objects: ``[{"id": 1}]``."""

CommaSeparated = Annotated[
    tuple[Value, ...],
    BeforeValidator(parse_list),
    PlainSerializer(_join, when_used="json"),
    Field(min_length=1),
]
"""Values that are sent as ``1,2,3``; this text is accepted too."""

OptionalCommaSeparatedIds = Argument[Sequence[int | str] | int | str | None, CommaSeparated[IdValue] | None]

_AwareDateTime = Annotated[
    datetime, BeforeValidator(_validate_not_number), AfterValidator(_validate_time_zone)
]

OptionalAwareDateTime = Argument[datetime | str | None, _AwareDateTime | None]
"""A timezone-aware datetime, or ISO 8601 text with a time zone."""

_UtcDateTime = Annotated[
    _AwareDateTime,
    AfterValidator(_to_seconds),
    PlainSerializer(_seconds_in_utc, when_used="json"),
]

UtcDateTime = Argument[datetime | str, _UtcDateTime]
"""A timezone-aware datetime, or ISO 8601 text with a time zone; sent in seconds as
``2015-10-29T15:28:59+0000``."""

OptionalUtcDateTime = Argument[datetime | str | None, _UtcDateTime | None]

SessionDateTime = Argument[
    datetime | str,
    Annotated[
        _AwareDateTime,
        AfterValidator(_to_milliseconds),
        PlainSerializer(_milliseconds_in_own_zone, when_used="json"),
    ],
]
"""A timezone-aware datetime, or ISO 8601 text with a time zone; sent in milliseconds as
``2018-05-19T01:00:06.000+0800``."""

_Count = Annotated[int, BeforeValidator(_validate_not_bool), Field(ge=0)]

OptionalCount = Argument[int | str | None, _Count | None]
"""A non-negative int."""

CountAsString = Argument[int | str, Annotated[_Count, PlainSerializer(str, when_used="json")]]
"""A non-negative int that is sent as a string."""

OptionalPassword = Argument[
    str | SecretStr | None,
    Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value, when_used="json")] | None,
]
"""A password: masked in every repr, sent in plain text."""
