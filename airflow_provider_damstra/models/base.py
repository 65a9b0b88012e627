"""What every answer has in common: camelCase on the wire, unknown members kept, four date formats read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from collections.abc import Callable

# What the vendor writes where there is no value; its own page shows an id that is the string "null".
_NOTHING = frozenset({"", "null", "undefined"})


def _nothing_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip() in _NOTHING else value


def none_is_empty(value: Any) -> Any:
    """Return an empty list for None: the vendor leaves out what is empty."""
    return [] if value is None else value


def _assume_utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def unwrap(member: str) -> Callable[[Any], Any]:
    """Return a function that turns ``[{member: 1}, 2]`` into ``[1, 2]``: the vendor shows both shapes."""

    def validator(value: Any) -> Any:
        if not isinstance(value, list):
            return none_is_empty(value)
        return [item[member] if isinstance(item, dict) and member in item else item for item in value]

    return validator


Timestamp = Annotated[datetime, AfterValidator(_assume_utc)]
"""A timezone-aware datetime; a text without zone (groups have them) is UTC."""

OptionalTimestamp = Annotated[Timestamp | None, BeforeValidator(_nothing_is_none)]
"""A timestamp, or None where the answer has none."""

Identifiers = Annotated[list[int], BeforeValidator(unwrap("id"))]
"""Ids, whether the answer holds numbers or objects with an ``id``."""


Number = Annotated[int | float, Field(union_mode="left_to_right")]
"""A measure, such as a duration, a rate or a progress: whole where it comes whole."""


class Model(BaseModel):
    """An answer of the API: lenient on reading, immutable afterwards.

    Members that this provider does not know are kept in ``model_extra`` and survive
    ``model_dump(by_alias=True)``. ``row_key_member`` names what tells a row from the others of its listing.
    """

    row_key_member: ClassVar[str] = "id"

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
        return getattr(self, self.row_key_member, None)


class PageMeta(Model):
    """The ``meta`` of a listing. Its ``endIndex`` is wrong even in the vendor's examples: count the rows."""

    total_result_count: int | None = None
    start_index: int | None = None
    end_index: int | None = None


Row = TypeVar("Row", bound=Model)


class Page(Model, Generic[Row]):
    """One page of a listing."""

    results: Annotated[list[Row], BeforeValidator(none_is_empty)]
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
