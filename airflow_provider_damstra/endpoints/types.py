"""The types of arguments: what is accepted from a caller, and the form in which it goes on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)

Value = TypeVar("Value")


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"{value} is no number")
    return value


def _number_as_text(value: Any) -> Any:
    """Return a whole number as a text: JSON, and templates that render natively, make numbers of texts."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _refuse_number(value: Any) -> Any:
    """Refuse what would be read as seconds since 1970, such as a date without dashes."""
    is_digits = isinstance(value, str) and value.strip().replace(".", "", 1).removeprefix("-").isdigit()
    if is_digits or isinstance(value, (int, float)):
        raise ValueError(f"{value} is a number, not a moment: write '2026-01-31T09:00:00+08:00'")
    return value


def _refuse_naive(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(
            f"{value.isoformat()} has no time zone, so nobody can tell which moment it is: write for example "
            "pendulum.datetime(2026, 1, 31, 9, tz='Australia/Perth'), or '2026-01-31T09:00:00+08:00'"
        )
    return value


def _to_seconds(value: datetime) -> datetime:
    return value.replace(microsecond=0)


def _to_milliseconds(value: datetime) -> datetime:
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _seconds_in_utc(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _milliseconds_in_own_zone(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}{value:%z}"


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    """Return what a template or XCom may hold as a list: an id, a text of ids, a lazy sequence."""
    if isinstance(value, str):
        return _split(value.strip().removeprefix("[").removesuffix("]"))
    if isinstance(value, int):
        return [value]
    if value is None:
        raise ValueError("it is None, and no ids: did the task that was to return them run before this one?")
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        kind = type(value).__name__
        raise ValueError(f"it is a {kind}; it can be ids, a list of them, or a text such as 1,2")
    return list(value)


def validate_unique(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the values, if each is there once.

    :raises ValueError: naming the others.
    """
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"named more than once: {_join(twice)}")
    return values


def _join(values: Iterable[object]) -> str:
    return ",".join(str(value) for value in values)


def _ids_of(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return value
    return [item["id"] if isinstance(item, dict) and item.keys() == {"id"} else item for item in value]


def _as_references(ids: Iterable[int]) -> list[dict[str, int]]:
    return [{"id": one} for one in ids]


_DateTimeText = WithJsonSchema({"type": "string", "format": "date-time"})

Identifier = Annotated[int, BeforeValidator(_refuse_bool), Field(gt=0)]
"""An id. Digits in a text are accepted: that is what a rendered template is."""

Name = Annotated[str, Field(min_length=1, pattern=r"\S")]
"""A name: some text that one can see."""

EmployeeNumber = Annotated[str, BeforeValidator(_number_as_text)]
"""A text that is often all digits; ``4711`` is ``"4711"``."""

IdentifierList = Annotated[
    tuple[Identifier, ...], BeforeValidator(_listed), AfterValidator(validate_unique), Field(min_length=1)
]
"""One id or more, none twice. A rendered template is accepted too: ``1,2`` or ``[1, 2]``."""

References = Annotated[
    tuple[Identifier, ...], BeforeValidator(_ids_of), PlainSerializer(_as_references, when_used="json")
]
"""Ids that go on the wire as objects: ``[{"id": 1}]``."""

CommaSeparatedIds = Annotated[
    tuple[Identifier, ...],
    BeforeValidator(_split),
    PlainSerializer(_join, when_used="json"),
    Field(min_length=1),
]
"""Ids that go on the wire as ``1,2,3``, and are accepted so."""

UtcDateTime = Annotated[
    datetime,
    BeforeValidator(_refuse_number),
    AfterValidator(_refuse_naive),
    AfterValidator(_to_seconds),
    PlainSerializer(_seconds_in_utc, when_used="json"),
    _DateTimeText,
]
"""A moment to the second, sent as ``2015-10-29T15:28:59+0000``; one without a zone is refused."""

SessionDateTime = Annotated[
    datetime,
    BeforeValidator(_refuse_number),
    AfterValidator(_refuse_naive),
    AfterValidator(_to_milliseconds),
    PlainSerializer(_milliseconds_in_own_zone, when_used="json"),
    _DateTimeText,
]
"""A moment to the millisecond, sent as ``2018-05-19T01:00:06.000+0800``; one without a zone is refused."""

Count = Annotated[int, BeforeValidator(_refuse_bool), Field(ge=0)]
"""A whole number from 0 on."""

Digits = Annotated[Count, PlainSerializer(str, when_used="json")]
"""A whole number that goes on the wire as a text of digits."""

Password = Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value, when_used="json")]
"""A password: stars in every repr, itself on the wire."""


def comma_separated(kind: Any) -> Any:
    """Return the type of a comma-separated list of ``kind``."""
    return Annotated[
        tuple[kind, ...],
        BeforeValidator(_split),
        PlainSerializer(_join, when_used="json"),
        Field(min_length=1),
    ]
