"""What every answer has in common: camelCase on the wire, unknown members kept, four date formats read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.models.lenient import AssumeUtc, UnwrapField, none_to_empty_list

Timestamp = Annotated[datetime, AssumeUtc()]
"""A timezone-aware datetime; a text without zone (groups have them) is UTC."""

OptionalTimestamp = Annotated[datetime | None, AssumeUtc(or_nothing=True)]
"""A timestamp, or None where the answer has none."""

Identifiers = Annotated[list[int], UnwrapField("id")]
"""Ids, whether the answer holds numbers or objects with an ``id``."""


Number = Annotated[int | float, Field(union_mode="left_to_right")]
"""A measure, such as a duration, a rate or a progress: whole where it comes whole."""


class Model(BaseModel):
    """An answer of the API: lenient on reading, immutable afterwards.

    Members that this provider does not know are kept in ``model_extra`` and survive
    ``model_dump(by_alias=True)``. ``row_key_field`` names what tells a row from the others of its listing.
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
        """Return what tells this row from the others of its listing."""
        return getattr(self, self.row_key_field, None)


class PageMeta(Model):
    """The ``meta`` of a listing. Its ``endIndex`` is wrong even in the vendor's examples: count the rows."""

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
        """Return how many rows there are."""
        return len(self.results)

    @property
    def fingerprint(self) -> int:
        """Return what tells this page from others of its listing."""
        return hash(tuple(row.row_key for row in self.results))

    @property
    def total(self) -> int | None:
        """Return how many rows the server says there are in all, or None where it does not say."""
        return self.meta.total_result_count if self.meta else None
