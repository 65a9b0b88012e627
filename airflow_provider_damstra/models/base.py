"""The base of all response models: camelCase in JSON, unknown fields kept, four date formats parsed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.models.lenient import AssumeUtc, UnwrapField, none_to_empty_list

Timestamp = Annotated[datetime, AssumeUtc()]
"""A timezone-aware datetime; a text without time zone (as in groups) is UTC."""

OptionalTimestamp = Annotated[datetime | None, AssumeUtc(optional=True)]
"""A timestamp, or None for a missing or empty value."""

Identifiers = Annotated[list[int], UnwrapField("id")]
"""Ids, sent as numbers or as objects with an ``id``."""


Number = Annotated[int | float, Field(union_mode="left_to_right")]
"""A measure, such as a duration, a rate or a progress: an int where the response has an int."""


class Model(BaseModel):
    """A model of a response: lenient when parsed, immutable afterwards.

    Unknown fields are kept in ``model_extra`` and in ``model_dump(by_alias=True)``. ``row_key_field`` is the
    name of the field that is unique within a listing.
    """

    row_key_field: ClassVar[str] = "id"

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        frozen=True,
        coerce_numbers_to_str=True,
    )

    @property
    def row_key(self) -> Any:
        """Return the row's key, unique within its listing."""
        return getattr(self, self.row_key_field, None)


class PageMeta(Model):
    """The ``meta`` of a page. Its ``endIndex`` is wrong even in the vendor's examples: count the rows."""

    total_result_count: int | None = None
    start_index: int | None = None
    end_index: int | None = None


Row = TypeVar("Row", bound=Model)


class Page(Model, Generic[Row]):
    """One page of a listing."""

    results: Annotated[list[Row], BeforeValidator(none_to_empty_list)]
    meta: PageMeta | None = Field(default=None)

    @property
    def rows(self) -> list[Row]:
        """Return the rows."""
        return self.results

    @property
    def row_count(self) -> int:
        """Return the number of rows."""
        return len(self.results)

    @property
    def fingerprint(self) -> int:
        """Return a hash of the row keys, to detect a page that the server sends twice."""
        return hash(tuple(row.row_key for row in self.results))

    @property
    def total(self) -> int | None:
        """Return the server's total row count of the listing, or None if the response has none."""
        return self.meta.total_result_count if self.meta else None
