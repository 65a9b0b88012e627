"""Annotations for fields that the API sends in several formats.

Each tries a fast schema for the usual format, which pydantic's core validates without calling Python, and
falls back to one with Python validators: in rows of many fields these calls would dominate parsing time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from airflow_provider_damstra.validation_errors import FALLBACK, FAST_PATH

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

# Texts that the API sends for a missing value; its documentation shows the id "null".
_NULL_TEXTS = frozenset({"", "null", "undefined"})


class _Lenient:
    """Base of the annotations: the JSON schema stays that of the declared type."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema["metadata"]["declared"])


class AssumeUtc(_Lenient):
    """Annotate a ``datetime``: a text without time zone is UTC.

    :param optional: for ``datetime | None``: parse empty texts and ``null`` as None.
    """

    def __init__(self, *, optional: bool = False) -> None:
        self._optional = optional

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        declared = handler(source)
        full: CoreSchema = core_schema.no_info_after_validator_function(_assume_utc, declared)
        if self._optional:
            full = core_schema.no_info_before_validator_function(_null_text_to_none, full)
        return fast_path_or_fallback(
            core_schema.datetime_schema(tz_constraint="aware"), full, declared=declared
        )


class UnwrapField(_Lenient):
    """Annotate a list: items may be objects such as ``{"id": 1}`` for ``1``; ``null`` is an empty list.

    :param field: the field of such objects that is the item.
    """

    def __init__(self, field: str) -> None:
        self._field = field

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        declared = handler(source)
        item = declared["items_schema"]
        wrapped = core_schema.typed_dict_schema({self._field: core_schema.typed_dict_field(item)})
        unwrapped = core_schema.no_info_after_validator_function(itemgetter(self._field), wrapped)
        either = core_schema.union_schema([unwrapped, item], mode="left_to_right")
        full = core_schema.no_info_before_validator_function(self._unwrap, declared)
        return fast_path_or_fallback(core_schema.list_schema(either), full, declared=declared)

    def _unwrap(self, value: Any) -> Any:
        if not isinstance(value, list):
            return none_to_empty_list(value)
        return [
            item[self._field] if isinstance(item, dict) and self._field in item else item for item in value
        ]


def none_to_empty_list(value: Any) -> Any:
    """Return an empty list for None, which the API sends for an empty list."""
    return [] if value is None else value


def fast_path_or_fallback(fast: CoreSchema, fallback: CoreSchema, *, declared: CoreSchema) -> CoreSchema:
    """Return a schema that tries ``fast``, then ``fallback``; its JSON schema is that of ``declared``."""
    return core_schema.union_schema(
        [(fast, FAST_PATH), (fallback, FALLBACK)], mode="left_to_right", metadata={"declared": declared}
    )


def _null_text_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip() in _NULL_TEXTS else value


def _assume_utc(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
