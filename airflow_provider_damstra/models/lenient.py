"""How members are read that the vendor writes in several ways.

Each has a quick way for what is usual, which pydantic's core goes without a call into Python: in a row of
many members, such calls cost more than all else. What the quick way refuses goes the full way.
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

# What the vendor writes where there is no value; its own page shows an id that is the string "null".
_NOTHING = frozenset({"", "null", "undefined"})


class _Lenient:
    """Lets a member have more shapes than its type says. Its JSON schema stays that of the type."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema["metadata"]["declared"])


class AssumeUtc(_Lenient):
    """Marks a ``datetime`` whose text may lack a zone and is UTC then.

    :param or_nothing: for ``datetime | None``: whether texts that say nothing are None.
    """

    def __init__(self, *, or_nothing: bool = False) -> None:
        self._or_nothing = or_nothing

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        declared = handler(source)
        full: CoreSchema = core_schema.no_info_after_validator_function(_assume_utc, declared)
        if self._or_nothing:
            full = core_schema.no_info_before_validator_function(_nothing_is_none, full)
        return fast_path_or_fallback(
            core_schema.datetime_schema(tz_constraint="aware"), full, declared=declared
        )


class UnwrapField(_Lenient):
    """Marks a list with items such as ``{"id": 1}`` for ``1``, for the vendor shows both; ``null`` is empty.

    :param member: of which member such objects are unwrapped.
    """

    def __init__(self, member: str) -> None:
        self._member = member

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        declared = handler(source)
        item = declared["items_schema"]
        wrapped = core_schema.typed_dict_schema({self._member: core_schema.typed_dict_field(item)})
        unwrapped = core_schema.no_info_after_validator_function(itemgetter(self._member), wrapped)
        either = core_schema.union_schema([unwrapped, item], mode="left_to_right")
        full = core_schema.no_info_before_validator_function(self._unwrap, declared)
        return fast_path_or_fallback(core_schema.list_schema(either), full, declared=declared)

    def _unwrap(self, value: Any) -> Any:
        if not isinstance(value, list):
            return none_to_empty_list(value)
        return [
            item[self._member] if isinstance(item, dict) and self._member in item else item for item in value
        ]


def none_to_empty_list(value: Any) -> Any:
    """Return an empty list for None: the vendor leaves out what is empty."""
    return [] if value is None else value


def fast_path_or_fallback(fast: CoreSchema, fallback: CoreSchema, *, declared: CoreSchema) -> CoreSchema:
    """Return a schema that tries ``fast``, then ``fallback``; its JSON schema is that of ``declared``."""
    return core_schema.union_schema(
        [(fast, FAST_PATH), (fallback, FALLBACK)], mode="left_to_right", metadata={"declared": declared}
    )


def _nothing_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip() in _NOTHING else value


def _assume_utc(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
