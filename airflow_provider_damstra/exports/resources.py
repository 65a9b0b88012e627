"""Resources that can be exported, and which of their rows are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from airflow_provider_damstra.endpoints.base import ListEndpoint, RequestModel
from airflow_provider_damstra.endpoints.group import ListGroupMembers, ListGroups, ListGroupSupervisors
from airflow_provider_damstra.endpoints.ilt_session import ListIltSessionAttendees, ListIltSessions
from airflow_provider_damstra.endpoints.lesson import ListLessonDetails, ListLessons
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.types import IdentifierList
from airflow_provider_damstra.endpoints.user import ActiveValue, ListUsers
from airflow_provider_damstra.validation_errors import format_validation_error

if TYPE_CHECKING:
    from airflow_provider_damstra.exports.hidden_columns import HiddenColumns
    from airflow_provider_damstra.models.base import Model

Listing = ListEndpoint[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """A kind of rows.

    :param listing: the operation that lists the rows.
    :param parent: the resource each of whose rows has one such listing, or None for a single listing.
    :param parent_argument: the listing's argument for the parent's id.
    :param parent_field: the rows' field for the parent's id, if its name is not ``parent_argument``.
    :param default_filters: arguments of the listing that are used if they are not given.
    :param reduced_model: the model of rows from which columns are hidden; it has all columns that remain.
    """

    name: str
    listing: type[Listing]
    parent: str | None = None
    parent_argument: str = ""
    parent_field: str = ""
    default_filters: Mapping[str, Any] = field(default_factory=dict)
    reduced_model: type[Model] | None = None

    def create_listing(self, arguments: Mapping[str, Any]) -> Listing:
        """Return the listing with these arguments, and ``default_filters`` for those that are None.

        :param arguments: by snake_case or by the API's own names.
        """
        listing = self.listing.model_validate(dict(arguments))
        missing = {
            name: value for name, value in self.default_filters.items() if getattr(listing, name) is None
        }
        return listing.model_copy(update=missing)

    @property
    def model(self) -> type[Model]:
        """Return the model of a row."""
        row: type[Model] = self.listing.row_type()
        return self.reduced_model or row

    @cached_property
    def lacks_parent(self) -> bool:
        """Return whether rows of the API have no field for the parent's id."""
        return self.parent is not None and self.parent_column not in self.listing.row_type().model_fields

    @property
    def adds_parent(self) -> bool:
        """Return whether the export adds the parent's id to rows, for which the model has no field."""
        return self.lacks_parent and self.reduced_model is None

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns that make up the primary key."""
        own = self.listing.row_type().row_key_field
        return (self.parent_argument, own) if self.lacks_parent else (own,)

    def filters(self) -> dict[str, str]:
        """Return the API's names of the arguments of the listing that select rows, by name."""
        fields = self.listing.model_fields.items()
        return {
            name: info.serialization_alias or name for name, info in fields if name != self.parent_argument
        }

    @property
    def parent_column(self) -> str:
        """Return the column of the parent's id."""
        return self.parent_field or self.parent_argument

    @property
    def parent_member(self) -> str:
        """Return the JSON member for the parent's id that the export adds to rows."""
        return to_camel(self.parent_argument)


_ALL = (
    # The API's default is active users: one who becomes inactive would look deleted.
    Resource(name="users", listing=ListUsers, default_filters={"active_value": ActiveValue.ALL}),
    Resource(name="groups", listing=ListGroups),
    Resource(name="group_members", listing=ListGroupMembers, parent="groups", parent_argument="group_id"),
    Resource(
        name="group_supervisors", listing=ListGroupSupervisors, parent="groups", parent_argument="group_id"
    ),
    Resource(name="lessons", listing=ListLessons),
    Resource(name="lesson_details", listing=ListLessonDetails),
    Resource(
        name="lesson_schedules", listing=ListUserLessonSchedules, parent="users", parent_argument="user_id"
    ),
    Resource(name="ilt_sessions", listing=ListIltSessions),
    Resource(
        name="ilt_attendees",
        listing=ListIltSessionAttendees,
        parent="ilt_sessions",
        parent_argument="ilt_session_id",
        parent_field="session_id",
    ),
)

RESOURCES = {resource.name: resource for resource in _ALL}
"""All resources that can be exported, by name."""


def named_resource(name: str) -> Resource:
    """Return the resource.

    :raises ValueError: naming the known resources.
    """
    if name not in RESOURCES:
        raise ValueError(f"there is no resource {name!r}; there are {', '.join(RESOURCES)}")
    return RESOURCES[name]


@dataclass(frozen=True, kw_only=True)
class ResourceQuery:
    """Selection of the rows of a resource, and options for reading them.

    :param filters: arguments of the listing.
    :param parent_ids: ids of the parents whose listings are read; None for all.
    :param parent_filters: arguments of the parent resource's listing.
    :param max_concurrency: concurrent requests.
    :param deduplicates: whether the consumer removes duplicate rows: a listing that changes while it is read
        may then be read again.
    :param skip_failed_parents: whether a parent whose listing fails is left out, instead of failing the
        export.
    :param hidden: columns that are hidden from the rows.
    :raises ValueError: naming the arguments of which no request can be made.
    """

    resource: Resource
    filters: Mapping[str, Any] = field(default_factory=dict)
    parent_ids: Iterable[int] | None = None
    parent_filters: Mapping[str, Any] = field(default_factory=dict)
    max_concurrency: int
    deduplicates: bool = False
    skip_failed_parents: bool = False
    hidden: HiddenColumns | None = None

    def __post_init__(self) -> None:
        _validate_filters("filters", self.filters, self.resource)
        if self.resource.parent is None:
            if self.parent_ids is not None or self.parent_filters:
                raise ValueError(
                    f"{self.resource.name} is one listing: it takes no parent_ids, no parent_filters"
                )
            self.listing()
            return
        if self.parent_ids is not None and self.parent_filters:
            raise ValueError("give parent_ids or parent_filters, not both")
        _validate_filters("parent_filters", self.parent_filters, named_resource(self.resource.parent))
        self.listing(1)
        self.parent_listing()

    @property
    def is_filtered(self) -> bool:
        """Return whether ``filters`` leave out rows of a listing."""
        parent_id = None if self.resource.parent is None else 1
        return self.listing(parent_id) != replace(self, filters={}).listing(parent_id)

    @property
    def selects_parents(self) -> bool:
        """Return whether only the listings of some parents are read."""
        if self.resource.parent is None:
            return False
        everyone = named_resource(self.resource.parent).create_listing({})
        return self.parent_ids is not None or self.parent_listing() != everyone

    @property
    def written_resource(self) -> Resource:
        """Return the resource with the columns of the rows after some are hidden."""
        return self.hidden.resource if self.hidden else self.resource

    @property
    def hides_ids(self) -> bool:
        """Return whether ids are hidden by which listings are continued: of rows, or of their parents."""
        return self.hidden is not None and self.hidden.hides_ids

    @property
    def allows_checkpoint(self) -> bool:
        """Return whether a checkpoint can be kept: not if ids are hidden that cannot be hashed."""
        return not self.hides_ids or (self.hidden is not None and self.hidden.has_hash_key)

    def checkpoint_id(self, parent_id: int) -> int:
        """Return the number by which a checkpoint keeps a parent's listing."""
        return self.hidden.checkpoint_id(parent_id) if self.hidden and self.hides_ids else parent_id

    def written_parent_id(self, parent_id: int) -> int | str | None:
        """Return a parent's id as the written rows contain it, or None if they do not."""
        return self.hidden.parent_id(parent_id) if self.hidden else parent_id

    def written_parent_ids(self, parent_ids: Iterable[int]) -> list[int | str]:
        """Return parents' ids as the written rows contain them."""
        written = map(self.written_parent_id, parent_ids)
        return [parent_id for parent_id in written if parent_id is not None]

    def listing(self, parent_id: int | None = None) -> Listing:
        """Return the listing of the resource, or that of one parent."""
        arguments = dict(self.filters)
        if parent_id is not None:
            arguments[self.resource.parent_argument] = parent_id
        return self.resource.create_listing(arguments)

    def parent_listing(self) -> Listing:
        """Return the listing of the parents."""
        return named_resource(self.resource.parent or "").create_listing(self.parent_filters)


def _validate_filters(argument: str, filters: Mapping[str, Any], resource: Resource) -> None:
    aliases = resource.filters()
    unknown = [repr(name) for name in filters if name not in {*aliases, *aliases.values()}]
    if unknown:
        parent = f"; parent_filters selects {resource.parent}" if resource.parent else ""
        raise ValueError(
            f"{argument}: {resource.name} have no filter {' and no '.join(unknown)}; they have "
            f"{', '.join(aliases) or 'none'}{parent}"
        )


class _ParentIds(RequestModel):
    parent_ids: IdentifierList


def parse_parent_ids(value: Any) -> tuple[int, ...] | None:
    """Return ids from a list, a string such as ``"1,2"`` or a number; None for None.

    :raises ValueError: if there is no id, a value is not an id, or an id is repeated.
    """
    if value is None:
        return None
    try:
        return _ParentIds(parent_ids=value).parent_ids
    except ValidationError as error:
        why = format_validation_error(error)
    # Not raised in the except block: pydantic's error, which shows the value, would be its context.
    raise ValueError(why)
