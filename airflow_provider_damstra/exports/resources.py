"""What can be exported: a name, the listing behind it, and whose listing it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel

from airflow_provider_damstra.endpoints.base import ListEndpoint
from airflow_provider_damstra.endpoints.group import ListGroupMembers, ListGroups, ListGroupSupervisors
from airflow_provider_damstra.endpoints.ilt_session import ListIltSessionAttendees, ListIltSessions
from airflow_provider_damstra.endpoints.lesson import ListLessonDetails, ListLessons
from airflow_provider_damstra.endpoints.lesson_schedule import ListUserLessonSchedules
from airflow_provider_damstra.endpoints.user import ListUsers

if TYPE_CHECKING:
    from airflow_provider_damstra.models.base import Model

Listing = ListEndpoint[Any]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind of rows.

    :param listing: the operation that lists them.
    :param parent: the resource whose rows have one such listing each, or None for a single listing.
    :param parent_argument: the listing's argument that takes a parent's id.
    :param adds_parent: whether a row does not say by itself which parent it belongs to.
    :param parent_field: the field by which it does say so, if that is not called as the argument is.
    """

    name: str
    listing: type[Listing]
    parent: str | None = None
    parent_argument: str = ""
    adds_parent: bool = False
    parent_field: str = ""

    @property
    def model(self) -> type[Model]:
        """Return the model of a row."""
        row: type[Model] = self.listing.row_type()
        return row

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns that together tell a row from all others."""
        own = self.model.row_key_field
        return (self.parent_argument, own) if self.adds_parent else (own,)

    @property
    def parent_column(self) -> str:
        """Return the column that says whose a row is."""
        return self.parent_field or self.parent_argument

    @property
    def parent_member(self) -> str:
        """Return the name under which a row says whose it is, if the export has to say so."""
        return to_camel(self.parent_argument)


_ALL = (
    Resource(name="users", listing=ListUsers),
    Resource(name="groups", listing=ListGroups),
    Resource(
        name="group_members",
        listing=ListGroupMembers,
        parent="groups",
        parent_argument="group_id",
        adds_parent=True,
    ),
    Resource(
        name="group_supervisors",
        listing=ListGroupSupervisors,
        parent="groups",
        parent_argument="group_id",
        adds_parent=True,
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

RESOURCES = {one.name: one for one in _ALL}
"""All that can be exported, by name."""


def named_resource(name: str) -> Resource:
    """Return the resource.

    :raises ValueError: naming those that there are.
    """
    if name not in RESOURCES:
        raise ValueError(f"there is no resource {name!r}; there are {', '.join(RESOURCES)}")
    return RESOURCES[name]
