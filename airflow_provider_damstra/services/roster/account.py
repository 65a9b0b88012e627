"""The users and groups of the account, and the scope: the users whom the extract is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import ListGroups
from airflow_provider_damstra.endpoints.types import OMITTED, OptionalIdentifier
from airflow_provider_damstra.endpoints.user import ActiveValue, ListUsers
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.services.group import descendants

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.models.user import User


class Scope(RequestModel):
    """Selection of the users whom the extract is about; without a group and filters all users."""

    group_id: OptionalIdentifier = OMITTED
    """Id of the group of which they are members."""

    include_child_groups: bool = False
    """Whether the members of all groups below it are included."""

    filters: ListUsers | None = None
    """The listing of the users."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The users and groups of the account when the plan is made.

    :param users: all users, active or not, by id.
    :param groups: all active groups, by id.
    :param scope_ids: ids of the users in the scope.
    :param scope_group_ids: ids of the scope's groups, the one that is its top first; empty without a group.
    """

    users: Mapping[int, User]
    groups: Mapping[int, Group]
    scope_ids: frozenset[int]
    scope_group_ids: tuple[int, ...] = ()

    @cached_property
    def users_in_scope(self) -> list[User]:
        """Return the users in the scope, active or not."""
        return [user for user in self.users.values() if user.id in self.scope_ids]

    def groups_in_scope(self, user: User) -> list[Group]:
        """Return the user's groups in the scope, in the order of the scope."""
        own = self._scope_positions.keys() & set(user.groups)
        return [self.groups[one] for one in sorted(own, key=self._scope_positions.__getitem__)]

    @cached_property
    def _scope_positions(self) -> dict[int, int]:
        return {group_id: position for position, group_id in enumerate(self.scope_group_ids)}

    @cached_property
    def active_in_scope(self) -> int:
        """Return the number of active users in the scope, to which shares refer."""
        return sum(user.is_active for user in self.users_in_scope)

    def users_by_key(self, field: str) -> dict[MatchKey, list[User]]:
        """Return the users that have a value of a field, by its key."""
        by_key: dict[MatchKey, list[User]] = {}
        for user in self.users.values():
            if key := match_key(getattr(user, field)):
                by_key.setdefault(key, []).append(user)
        return by_key


def read_account(client: SupportsCalls, scope: Scope, *, reads_groups: bool) -> Account:
    """Read all users, and the groups if they are needed.

    Calls ``listUsers``, also with the scope's filters if there are any, and ``listGroups``.

    :param reads_groups: whether groups are needed outside of the scope, too.
    :raises DamstraNotFoundError: if the scope's group is no active group.
    """
    # By id, because a row that moves between two pages is read twice. Not in functions of their own: the
    # stack of a failed request stays short.
    users = {user.id: user for user in client.iterate(ListUsers(active_value=ActiveValue.ALL))}
    groups: dict[int, Group] = {}
    if reads_groups or scope.group_id is not None:
        groups = {group.id: group for group in client.iterate(ListGroups())}
    scope_group_ids = () if scope.group_id is None else _group_ids(scope, scope.group_id, groups)
    if scope.filters is not None:
        # Inactive users have to be known, too: they leave their groups.
        status = scope.filters.active_value or ActiveValue.ALL
        listing = scope.filters.model_copy(update={"active_value": status})
        scope_ids = frozenset(user.id for user in client.iterate(listing))
    elif scope.group_id is not None:
        wanted = set(scope_group_ids)
        scope_ids = frozenset(user.id for user in users.values() if wanted.intersection(user.groups))
    else:
        scope_ids = frozenset(users)
    return Account(users=users, groups=groups, scope_ids=scope_ids, scope_group_ids=scope_group_ids)


def _group_ids(scope: Scope, top_id: int, groups: Mapping[int, Group]) -> tuple[int, ...]:
    if top_id not in groups:
        raise DamstraNotFoundError(f"group_id: there is no active group {top_id}.")
    below = descendants(groups.values(), top_id) if scope.include_child_groups else []
    return (top_id, *(group.id for group in below))
