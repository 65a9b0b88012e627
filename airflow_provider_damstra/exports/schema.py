"""A row as typed values: a column for each member that the models know, and one for all others.

What has columns (CSV, Parquet, a table) takes names, types and values from here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import ValidationError

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_damstra.exports.raw_pages import RawRow
    from airflow_provider_damstra.exports.resources import Resource
    from airflow_provider_damstra.models.base import Model

OTHERS = "other_members"
"""The last column: a JSON object of the members that this provider does not know."""


class ColumnType(StrEnum):
    """What a column's values are in Python, where they are not None."""

    INTEGER = "integer"
    """``int``; ids and counts, of up to 64 bits."""

    NUMBER = "number"
    """``int`` or ``float``; a measure."""

    BOOLEAN = "boolean"
    """``bool``."""

    TEXT = "text"
    """``str``."""

    TIMESTAMP = "timestamp"
    """``datetime`` in UTC."""

    JSON = "json"
    """``str``, the JSON text of a list or an object."""


@dataclass(frozen=True)
class Column:
    """A column: its name, what its values are, and whether it is part of what tells rows apart."""

    name: str
    type: ColumnType
    is_key: bool = False


@cache
def columns_of(resource: Resource) -> tuple[Column, ...]:
    """Return a resource's columns in order. Those of the key are never None."""
    types = {name: _type_of(field.annotation) for name, field in resource.model.model_fields.items()}
    if resource.adds_parent:
        types = {resource.parent_argument: ColumnType.INTEGER, **types}
    types[OTHERS] = ColumnType.JSON
    return tuple(Column(name, kind, name in resource.key) for name, kind in types.items())


def values_of(resource: Resource, row: RawRow) -> tuple[Any, ...]:
    """Return a row's values in the order of its columns; what is absent is None.

    :raises DamstraResponseError: if a member is of another type than documented.
    """
    try:
        return _values(resource, resource.model.model_validate_json(bytes(row)))
    except ValidationError as error:
        why = format_validation_error(error)
    except _NotPlain as error:
        why = str(error)
    # Out here, so that the error does not carry pydantic's, which shows what came.
    raise DamstraResponseError(
        f"a row of {resource.name} cannot be put into columns ({why}): its type is another than documented. "
        "JSON lines take every row as it comes."
    )


def text_of_moment(moment: datetime) -> str:
    """Return a value of a timestamp column as a text, such as ``2026-01-31T09:00:00.000Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _NotPlain(Exception):
    pass


def _values(resource: Resource, read: Model) -> tuple[Any, ...]:
    # Millions of times: what does not depend on the row is found out once, in _conversions.
    members = vars(read)
    others = dict(read.model_extra or {})
    if resource.adds_parent:
        members = {**members, resource.parent_argument: others.pop(resource.parent_member)}
    values: list[Any] = []
    for name, plain in _conversions(resource):
        value = members[name]
        values.append(value if plain is None or value is None else plain(value))
    values.append(_JSON.encode(others) if others else None)
    for place in _places_of_numbers(resource):
        value = values[place]
        if value is not None and not -(1 << 63) <= value < 1 << 63:
            raise _NotPlain(f"{columns_of(resource)[place].name}: it does not fit into 64 bits")
    return tuple(values)


@cache
def _conversions(resource: Resource) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """Return for each member how its value gets rid of what is pydantic's or an enumeration's."""
    return tuple((column.name, _TO_PLAIN.get(column.type)) for column in columns_of(resource)[:-1])


@cache
def _places_of_numbers(resource: Resource) -> tuple[int, ...]:
    numbers = (ColumnType.INTEGER, ColumnType.NUMBER)
    return tuple(place for place, one in enumerate(columns_of(resource)) if one.type in numbers)


def _as_object(value: Model) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


_JSON = json.JSONEncoder(default=_as_object, ensure_ascii=False)
_TO_PLAIN: dict[ColumnType, Callable[[Any], Any]] = {
    ColumnType.INTEGER: int,
    ColumnType.TEXT: str,
    ColumnType.TIMESTAMP: lambda moment: moment.astimezone(UTC),
    ColumnType.JSON: _JSON.encode,
}


# Of several types that a member may have, the first of these decides: it holds the values of all others.
_BY_PYTHON_TYPE: tuple[tuple[type, ColumnType], ...] = (
    (list, ColumnType.JSON),
    (str, ColumnType.TEXT),
    (datetime, ColumnType.TIMESTAMP),
    (float, ColumnType.NUMBER),
    (bool, ColumnType.BOOLEAN),
    (int, ColumnType.INTEGER),
)


def _type_of(annotation: Any) -> ColumnType:
    kinds = set(_plain_types(annotation))
    for python_type, column_type in _BY_PYTHON_TYPE:
        if any(issubclass(kind, python_type) for kind in kinds):
            return column_type
    raise TypeError(f"no column can hold {annotation}")


def _plain_types(annotation: Any) -> Iterator[type]:
    """Yield the types that a value may have: ``int`` for ``Annotated[Role | int, ...] | None``."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        yield annotation
    elif get_origin(annotation) is list:
        yield list
    else:
        for part in get_args(annotation):
            yield from _plain_types(part)
