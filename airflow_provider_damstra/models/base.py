"""The base of all response models, and field types for values that the API sends in several formats.

JSON has camelCase names, unknown fields are kept. A lenient field tries a fast schema for the usual format,
which pydantic's core validates without calling Python, and falls back to one with Python validators: calling
them for every field would dominate the parsing time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import AliasChoices, AliasGenerator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from airflow_provider_damstra.validation_errors import FALLBACK, FAST_PATH

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

Item = TypeVar("Item")

API_NAMES = AliasGenerator(
    validation_alias=lambda name: AliasChoices(to_camel(name)), serialization_alias=to_camel
)
"""The API's names of fields. They are choices, because a single alias would replace the snake_case name in
signatures."""

# Strings that the API sends for a missing value; its documentation shows the id "null".
_NULL_TEXTS = frozenset({"", "null", "undefined"})

_MAX_DIGITS = 18


class _Lenient:
    """Base class of the annotations: keep the JSON schema of the declared type."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema["metadata"]["declared"])


@dataclass(frozen=True, kw_only=True)
class AssumeUtc(_Lenient):
    """Annotate a ``datetime``: a string without a time zone is UTC.

    :param optional: for ``datetime | None``: parse empty strings and ``"null"`` as None.
    """

    optional: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        declared = handler(source)
        full: CoreSchema = core_schema.no_info_after_validator_function(_assume_utc, declared)
        if self.optional:
            full = core_schema.no_info_before_validator_function(_null_text_to_none, full)
        return _fast_path_or_fallback(
            core_schema.datetime_schema(tz_constraint="aware"), full, declared=declared
        )


@dataclass(frozen=True)
class UnwrapField(_Lenient):
    """Annotate a list: parse an item ``{"id": 1}`` as ``1``, and ``null`` as an empty list.

    :param field: name of the field that contains the item.
    """

    field: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        declared: Any = {**handler(source), "fail_fast": True}
        item = declared["items_schema"]
        wrapped = core_schema.typed_dict_schema({self.field: core_schema.typed_dict_field(item)})
        unwrapped = core_schema.no_info_after_validator_function(itemgetter(self.field), wrapped)
        either = core_schema.union_schema([unwrapped, item], mode="left_to_right")
        full = core_schema.no_info_before_validator_function(self._unwrap, declared)
        return _fast_path_or_fallback(
            core_schema.list_schema(either, fail_fast=True), full, declared=declared
        )

    def _unwrap(self, value: Any) -> Any:
        if not isinstance(value, list):
            return _none_to_empty_list(value)
        return [item[self.field] if isinstance(item, dict) and self.field in item else item for item in value]


def _none_to_empty_list(value: Any) -> Any:
    """Return an empty list for None, which the API sends for an empty list."""
    return [] if value is None else value


def _fast_path_or_fallback(fast: CoreSchema, fallback: CoreSchema, *, declared: CoreSchema) -> CoreSchema:
    """Return a schema that tries ``fast``, then ``fallback``; its JSON schema is that of ``declared``."""
    return core_schema.union_schema(
        [(fast, FAST_PATH), (fallback, FALLBACK)], mode="left_to_right", metadata={"declared": declared}
    )


def _null_text_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip() in _NULL_TEXTS else value


def _assume_utc(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


Timestamp = Annotated[datetime, AssumeUtc()]
"""A timezone-aware datetime; a string without a time zone (as in groups) is UTC."""

OptionalTimestamp = Annotated[datetime | None, AssumeUtc(optional=True)]
"""A timestamp, or None for a missing or empty value."""

Identifiers = Annotated[list[int], UnwrapField("id")]
"""Ids, sent as numbers or as objects with an ``id``."""

Number = Annotated[int | float, Field(union_mode="left_to_right")]
"""An int or float, such as a duration or a rate; ints are not converted to float."""

NullableList = Annotated[list[Item], FailFast(), BeforeValidator(_none_to_empty_list)]
"""A list; ``null``, which the API sends for an empty one, is an empty list.

Only the first invalid item is reported: pydantic's errors for a page of invalid rows would need gigabytes.
"""


class Model(BaseModel):
    """Base class of response models: lenient when parsed, immutable afterwards.

    Unknown fields are kept in ``model_extra`` and in ``model_dump(by_alias=True)``. ``row_key_field`` is the
    name of the field that is unique within a listing.
    """

    row_key_field: ClassVar[str] = "id"

    model_config = ConfigDict(
        alias_generator=API_NAMES,
        populate_by_name=True,
        extra="allow",
        frozen=True,
        coerce_numbers_to_str=True,
    )

    @property
    def row_key(self) -> int | None:
        """Return the row's key, unique within its listing."""
        key: int | None = getattr(self, self.row_key_field, None)
        return key


def parse_count(value: Any) -> int | None:
    """Return a count or an id that the server sent as a number or a string, or None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


_Count = Annotated[int | None, BeforeValidator(parse_count)]


class PageMeta(Model):
    """The ``meta`` of a page. Do not use ``endIndex``, which is wrong even in the vendor's examples."""

    total_result_count: _Count = None
    """Number of rows of the whole listing."""

    start_index: _Count = None
    """Index of the first row of the page."""

    end_index: _Count = None
    """Wrong even in the examples of the vendor."""


def _only_object(value: Any) -> Any:
    return value if isinstance(value, (dict, PageMeta)) else None


Row = TypeVar("Row", bound=Model)


class Page(Model, Generic[Row]):
    """One page of a listing."""

    results: NullableList[Row]
    """The rows."""

    meta: Annotated[PageMeta | None, BeforeValidator(_only_object)] = None
    """Position of the page in the listing."""

    @property
    def rows(self) -> list[Row]:
        """Return the rows."""
        return self.results

    @property
    def row_count(self) -> int:
        """Return the number of rows."""
        return len(self.results)

    def row_keys(self, _listing: Any) -> list[Any]:
        """Return the key of each row."""
        return [row.row_key for row in self.results]

    @property
    def fingerprint(self) -> int:
        """Return a hash of the row keys, to detect a page that the server sends twice."""
        return hash(tuple(row.row_key for row in self.results))

    @property
    def total(self) -> int | None:
        """Return the server's total row count of the listing, or None if the response has none."""
        return self.meta.total_result_count if self.meta else None
