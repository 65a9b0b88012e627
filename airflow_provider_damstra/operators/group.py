"""Operators for groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.arguments import at_least_one, flags, given, one_of
from airflow_provider_damstra.operators.base import CancelledOnKill, DamstraOperator
from airflow_provider_damstra.operators.group_membership import (
    DamstraAddGroupMembersOperator,
    DamstraAddGroupSupervisorsOperator,
    DamstraRemoveGroupMembersOperator,
    DamstraRemoveGroupSupervisorsOperator,
    DamstraSyncGroupMembersOperator,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Id

__all__ = [
    "DamstraAddGroupMembersOperator",
    "DamstraAddGroupSupervisorsOperator",
    "DamstraCreateGroupOperator",
    "DamstraInactivateGroupOperator",
    "DamstraRemoveGroupMembersOperator",
    "DamstraRemoveGroupSupervisorsOperator",
    "DamstraSyncGroupMembersOperator",
    "DamstraUpdateGroupOperator",
]

_CHANGES = ("name", "description", "parent_id")


class DamstraCreateGroupOperator(CancelledOnKill):
    """Return the id of the group of that name and parent; it is created if it is not there.

    Calls ``listGroups`` and, if need be, ``createGroup`` or ``updateGroup``.

    :param name: the group's name (templated).
    :param description: what the group is for (templated).
    :param parent_id: id of the group it belongs under, or None for any (templated).
    :param if_exists: ``return`` a group that is there already, ``update`` its description, or ``fail``.
    :param cancel_on_kill: make the group inactive, if this attempt created it, when the task is killed.
    """

    template_fields = ("name", "description", "parent_id", "damstra_conn_id")

    def __init__(
        self,
        *,
        name: str,
        description: str,
        parent_id: Id | None = None,
        if_exists: str = "return",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        one_of("if_exists", if_exists, "return", "update", "fail")
        self.name = name
        self.description = description
        self.parent_id = parent_id
        self.if_exists = if_exists

    def act(self, context: Context) -> int:
        """Return the group's id."""
        from airflow_provider_damstra.actions.groups import ensure_group
        from airflow_provider_damstra.endpoints import CreateGroup

        wanted = CreateGroup(name=self.name, description=self.description, parent_id=self.parent_id)
        group, was_created = ensure_group(self.caller, wanted, if_exists=self.if_exists)
        self.log.info(
            "Group %r (id %d) %s", group.name, group.id, "created" if was_created else "is there already"
        )
        return group.id


class DamstraUpdateGroupOperator(DamstraOperator):
    """Change a group's name, description or parent, and return False if nothing differs.

    What is not given stays. Calls ``getGroup`` and, if something differs, ``updateGroup``.

    :param group_id: the group (templated).
    :param name: its name (templated).
    :param description: what it is for (templated).
    :param parent_id: id of the group it belongs under (templated).
    """

    template_fields = ("group_id", "name", "description", "parent_id", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        name: str | None = None,
        description: str | None = None,
        parent_id: Id | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        at_least_one(name=name, description=description, parent_id=parent_id)
        self.group_id = group_id
        self.name = name
        self.description = description
        self.parent_id = parent_id

    def act(self, context: Context) -> bool:
        """Return whether something was changed."""
        from airflow_provider_damstra.actions.groups import update_group

        return update_group(self.caller, group_id=self.group_id, changes=given(self, *_CHANGES))


class DamstraInactivateGroupOperator(DamstraOperator):
    """Make a group inactive, and return False if it was so before.

    Calls ``getGroup``, ``listGroups`` and, if need be, ``inactivateGroup``.

    :param group_id: the group (templated).
    :param strict: fail if it was inactive before.
    """

    template_fields = ("group_id", "damstra_conn_id")

    def __init__(self, *, group_id: Id, strict: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        flags(strict=strict)
        self.group_id = group_id
        self.strict = strict

    def act(self, context: Context) -> bool:
        """Return whether this step made it inactive."""
        from airflow_provider_damstra.actions.groups import inactivate_group
        from airflow_provider_damstra.endpoints import InactivateGroup

        return inactivate_group(self.caller, InactivateGroup(group_id=self.group_id), strict=self.strict)
