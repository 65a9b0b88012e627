"""Columns of a resource and the typed values of its rows, for CSV, Parquet and database tables.

There is a column for each field of the resource's model, and one for all other members of a row, if the model
keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import ValidationError

from airflow_provider_damstra.errors import DamstraResponseError
from airflow_provider_damstra.json_repair import decode_leniently
from airflow_provider_damstra.models.timestamps import to_utc
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.raw_pages import RawRow
    from airflow_provider_damstra.exports.dataset import Dataset
    from airflow_provider_damstra.models.base import Model

OTHER_MEMBERS = "other_members"
"""The last column: a JSON object of the members that the model has no field for."""


class ColumnType(StrEnum):
    """Type of a column's values, where they are not None."""

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
    """A column.

    :param is_key: whether it is part of the primary key.
    """

    name: str
    type: ColumnType
    is_key: bool = False


@cache
def resource_columns(resource: Dataset) -> tuple[Column, ...]:
    """Return a resource's columns in order. Only those of the primary key are never None."""
    types = {name: _type_of(field.annotation) for name, field in resource.model.model_fields.items()}
    if resource.adds_parent:
        types = {resource.parent_argument: ColumnType.INTEGER, **types}
    if resource.model.model_config.get("extra") == "allow":
        types[OTHER_MEMBERS] = ColumnType.JSON
    return tuple(Column(name, kind, name in resource.key) for name, kind in types.items())


def row_values(resource: Dataset, row: RawRow) -> tuple[Any, ...]:
    """Return a row's values in the order of its columns; absent members are None.

    U+FFFD replaces characters that no text column can hold: lone surrogates and bytes that are not UTF-8.
    Timestamps that do not exist in UTC are clamped to the range of ``datetime``.

    :raises DamstraResponseError: if a member is of another type than documented.
    """
    try:
        return _values(resource, decode_leniently(resource.model.model_validate_json, bytes(row)))
    except ValidationError as error:
        why = format_validation_error(error)
    except OverflowError as error:
        why = str(error)
    # Not raised in the except block: pydantic's error, which shows the value, would be its context.
    raise DamstraResponseError(
        f"a row of {resource.name} cannot be put into columns ({why}): its type is another than documented. "
        "JSON lines accept every row unchanged."
    )


def format_timestamp(timestamp: datetime) -> str:
    """Return a value of a timestamp column as a string, such as ``2026-01-31T09:00:00.000Z``."""
    return timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _values(resource: Dataset, read: Model) -> tuple[Any, ...]:
    # Called millions of times: what does not depend on the row is cached in _conversions.
    members = vars(read)
    others = dict(read.model_extra or {})
    if resource.adds_parent:
        members = {**members, resource.parent_argument: others.pop(resource.parent_member)}
    values: list[Any] = []
    for name, convert in _conversions(resource):
        value = members[name]
        values.append(value if convert is None or value is None else convert(value))
    if read.model_extra is not None:
        values.append(_to_json(others) if others else None)
    return tuple(values)


@cache
def _conversions(resource: Dataset) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """Return for each field the function that turns pydantic's types and enumerations into plain ones."""
    conversions = []
    for column in resource_columns(resource):
        if column.name == OTHER_MEMBERS:
            continue
        is_number = column.type in (ColumnType.INTEGER, ColumnType.NUMBER)
        convert = partial(_plain_number, column.name) if is_number else _CONVERT_BY_TYPE.get(column.type)
        conversions.append((column.name, convert))
    return tuple(conversions)


def _plain_number(name: str, value: Any) -> int | float:
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{name}: it does not fit into 64 bits")
    return value if isinstance(value, float) else int(value)


def _dump_model(value: Model) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _to_json(value: Any) -> str:
    """Return JSON text; a number beyond the range of ``float``, such as 1e999, is null."""
    try:
        return _JSON.encode(value)
    except ValueError:
        with_infinity = _JSON_WITH_INFINITY.encode(value)
    return _JSON.encode(json.loads(with_infinity, parse_constant=lambda _: None))


_JSON = json.JSONEncoder(default=_dump_model, ensure_ascii=False, allow_nan=False)
_JSON_WITH_INFINITY = json.JSONEncoder(default=_dump_model)
_CONVERT_BY_TYPE: dict[ColumnType, Callable[[Any], Any]] = {
    ColumnType.TEXT: str,
    ColumnType.TIMESTAMP: to_utc,
    ColumnType.JSON: _to_json,
}


# If a field has several types, the first of these that is among them decides: it can represent the others.
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
    """Yield the types of a field: ``int`` for ``Annotated[Role | int, ...] | None``."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        yield annotation
    elif get_origin(annotation) is list:
        yield list
    else:
        for part in get_args(annotation):
            yield from _plain_types(part)
