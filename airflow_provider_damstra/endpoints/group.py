"""Operations on groups, their members and their supervisors."""

from __future__ import annotations

from airflow_provider_damstra.endpoints.base import Endpoint, ListEndpoint, NoContentEndpoint
from airflow_provider_damstra.endpoints.types import (
    OMITTED,
    Identifier,
    IdentifierList,
    Name,
    OptionalIdentifier,
)
from airflow_provider_damstra.models.group import Group
from airflow_provider_damstra.models.user import User


class ListGroups(ListEndpoint[Group], path="/group"):
    """Search groups: ``q`` in the name."""

    q: str | None = None
    """Text in the name."""


class GetGroup(Endpoint[Group], path="/group/{group_id}"):
    """Return one group."""

    group_id: Identifier
    """Id of the group."""


class CreateGroup(Endpoint[Group], method="POST", path="/group"):
    """Create a group and return it."""

    name: Name
    """Name of the group."""

    description: str
    """Purpose of the group."""

    parent_id: OptionalIdentifier = OMITTED
    """Id of the parent group."""


class UpdateGroup(Endpoint[Group], method="POST", path="/group/{group_id}"):
    """Replace a group's name and description, and return it."""

    group_id: Identifier
    """Id of the group."""

    name: Name
    """New name."""

    description: str
    """New description."""

    parent_id: OptionalIdentifier = OMITTED
    """Id of the new parent group."""


class ListGroupMembers(ListEndpoint[User], path="/group/{group_id}/member"):
    """List the members of a group."""

    group_id: Identifier
    """Id of the group."""


class _GroupUsersEndpoint(NoContentEndpoint):
    """An operation that adds users to a group or removes them."""

    group_id: Identifier
    """Id of the group."""

    user_ids: IdentifierList
    """Ids of the users."""


class AddGroupMembers(_GroupUsersEndpoint, method="POST", path="/group/{group_id}/add_members"):
    """Add users to a group."""


class RemoveGroupMembers(_GroupUsersEndpoint, method="POST", path="/group/{group_id}/remove_members"):
    """Remove users from a group."""


class ListGroupSupervisors(ListEndpoint[User], path="/group/{group_id}/supervisor"):
    """List the supervisors of a group."""

    group_id: Identifier
    """Id of the group."""


class AddGroupSupervisors(_GroupUsersEndpoint, method="POST", path="/group/{group_id}/add_supervisors"):
    """Make users supervisors of a group."""


class RemoveGroupSupervisors(_GroupUsersEndpoint, method="POST", path="/group/{group_id}/remove_supervisors"):
    """Remove supervisors from a group."""


class InactivateGroup(NoContentEndpoint, method="POST", path="/group/{group_id}/inactivate"):
    """Inactivate a group: it disappears from the listing."""

    group_id: Identifier
    """Id of the group."""
