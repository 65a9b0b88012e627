"""Operators for groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.operators.base import DamstraOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.operators.arguments import Id, Ids


class DamstraCreateGroupOperator(DamstraOperator):
    """Return the id of the group of that name and parent; it is created if it is not there.

    Calls ``listGroups`` and, if need be, ``createGroup``.

    :param name: the group's name (templated).
    :param description: what the group is for (templated).
    :param parent_id: id of the group it belongs under, or None (templated).
    """

    template_fields = ("name", "description", "parent_id", "damstra_conn_id")

    def __init__(self, *, name: str, description: str, parent_id: Id | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.description = description
        self.parent_id = parent_id

    def act(self, context: Context) -> int:
        """Return the group's id."""
        from airflow_provider_damstra.actions.groups import ensure_group
        from airflow_provider_damstra.endpoints import CreateGroup

        wanted = CreateGroup(name=self.name, description=self.description, parent_id=self.parent_id)
        group, was_created = ensure_group(self.hook, wanted)
        self.log.info(
            "Group %r (id %d) %s", group.name, group.id, "created" if was_created else "is there already"
        )
        return group.id


class DamstraAddGroupMembersOperator(DamstraOperator):
    """Put users into a group, and return the ids of those who were not in it before.

    Calls ``listGroupMembers`` and, if somebody is missing, ``addGroupMembers``.

    :param group_id: the group (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    """

    template_fields = ("group_id", "user_ids", "damstra_conn_id")

    def __init__(self, *, group_id: Id, user_ids: Ids, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id
        self.user_ids = user_ids

    def act(self, context: Context) -> list[int]:
        """Return who was added."""
        from airflow_provider_damstra.actions.groups import add_members
        from airflow_provider_damstra.endpoints import AddGroupMembers

        call = AddGroupMembers(group_id=self.group_id, user_ids=self.user_ids)
        added = add_members(self.hook, call)
        self.log.info("Group %d: %d of %d users added", call.group_id, len(added), len(call.user_ids))
        return added
