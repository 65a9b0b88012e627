"""Operators for groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.operators.base import (
    DamstraOperator,
    ResultFileMixin,
    RollbackOnKillMixin,
    UserListMixin,
)
from airflow_provider_damstra.validation import (
    provided_arguments,
    validate_at_least_one,
    validate_booleans,
    validate_choice,
    validate_number,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.validation import Id, Ids

_CHANGES = ("name", "description", "parent_id")


class DamstraCreateGroupOperator(RollbackOnKillMixin):
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
        validate_choice("if_exists", if_exists, "return", "update", "fail")
        self.name = name
        self.description = description
        self.parent_id = parent_id
        self.if_exists = if_exists

    def _execute(self, context: Context) -> int:
        """Return the group's id."""
        from airflow_provider_damstra.endpoints import CreateGroup
        from airflow_provider_damstra.services.group import ensure_group

        wanted = CreateGroup(name=self.name, description=self.description, parent_id=self.parent_id)
        group, was_created = ensure_group(self.client, wanted, if_exists=self.if_exists)
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
        validate_at_least_one(name=name, description=description, parent_id=parent_id)
        self.group_id = group_id
        self.name = name
        self.description = description
        self.parent_id = parent_id

    def _execute(self, context: Context) -> bool:
        """Return whether something was changed."""
        from airflow_provider_damstra.services.group import update_group

        return update_group(self.client, group_id=self.group_id, changes=provided_arguments(self, *_CHANGES))


class DamstraInactivateGroupOperator(DamstraOperator):
    """Make a group inactive, and return False if it was so before.

    Calls ``getGroup``, ``listGroups`` and, if need be, ``inactivateGroup``.

    :param group_id: the group (templated).
    :param strict: fail if it was inactive before.
    """

    template_fields = ("group_id", "damstra_conn_id")

    def __init__(self, *, group_id: Id, strict: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        validate_booleans(strict=strict)
        self.group_id = group_id
        self.strict = strict

    def _execute(self, context: Context) -> bool:
        """Return whether this step made it inactive."""
        from airflow_provider_damstra.endpoints import InactivateGroup
        from airflow_provider_damstra.services.group import inactivate_group

        return inactivate_group(self.client, InactivateGroup(group_id=self.group_id), strict=self.strict)


class _MembershipOperator(UserListMixin):
    """Adds or removes users, and returns the ids of those for whom that changed something."""

    endpoint_name: ClassVar[str]
    template_fields = ("group_id", "user_ids", "damstra_conn_id")

    def __init__(
        self, *, group_id: Id, user_ids: Ids, on_empty: str = "fail", strict: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(user_ids=user_ids, on_empty=on_empty, **kwargs)
        validate_booleans(strict=strict)
        self.group_id = group_id
        self.strict = strict

    def _execute(self, context: Context) -> list[int]:
        """Return for whom something changed."""
        from airflow_provider_damstra import endpoints
        from airflow_provider_damstra.services.group import change_membership
        from airflow_provider_damstra.services.idempotency import format_ids

        wanted = getattr(endpoints, self.endpoint_name)(group_id=self.group_id, user_ids=self.user_ids)
        changed = change_membership(self.client, wanted, strict=self.strict)
        self.log.info("Group %s: %s for users %s", self.group_id, self.endpoint_name, format_ids(changed))
        return changed


class DamstraAddGroupMembersOperator(_MembershipOperator, RollbackOnKillMixin):
    """Put users into a group, and return the ids of those who were not in it before.

    Calls ``listGroupMembers`` and, if somebody is missing, ``addGroupMembers``.

    :param group_id: the group (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    :param on_empty: ``fail`` or ``skip`` the task when there is no user.
    :param strict: fail, and add nobody, if some are in it already.
    :param cancel_on_kill: take out whom this attempt put in, when the task is killed.
    """

    endpoint_name = "AddGroupMembers"


class DamstraRemoveGroupMembersOperator(_MembershipOperator):
    """Take users out of a group, and return the ids of those who were in it.

    Calls ``listGroupMembers`` and, if somebody is in it, ``removeGroupMembers``.

    :param group_id: the group (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    :param on_empty: ``fail`` or ``skip`` the task when there is no user.
    :param strict: fail, and remove nobody, if some are not in it.
    """

    endpoint_name = "RemoveGroupMembers"


class DamstraAddGroupSupervisorsOperator(_MembershipOperator, RollbackOnKillMixin):
    """Make users supervisors of a group, and return the ids of those who were not before.

    Calls ``listGroupSupervisors`` and, if somebody is missing, ``addGroupSupervisors``.

    :param group_id: the group (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    :param on_empty: ``fail`` or ``skip`` the task when there is no user.
    :param strict: fail, and add nobody, if some supervise it already.
    :param cancel_on_kill: take out whom this attempt put in, when the task is killed.
    """

    endpoint_name = "AddGroupSupervisors"


class DamstraRemoveGroupSupervisorsOperator(_MembershipOperator):
    """End users' supervision of a group, and return the ids of those who supervised it.

    Calls ``listGroupSupervisors`` and, if somebody supervises it, ``removeGroupSupervisors``.

    :param group_id: the group (templated).
    :param user_ids: the users: a list of ids, or a text such as ``1,2`` (templated).
    :param on_empty: ``fail`` or ``skip`` the task when there is no user.
    :param strict: fail, and remove nobody, if some do not supervise it.
    """

    endpoint_name = "RemoveGroupSupervisors"


class DamstraSyncGroupMembersOperator(ResultFileMixin):
    """Make a group's members equal to a list, and return who was ``added`` and who ``removed``.

    Both are XComs of these names too, which ``.expand()`` takes. Calls ``listGroupMembers``, and
    ``addGroupMembers`` and ``removeGroupMembers`` where there is somebody to add or remove; or the same for
    supervisors.

    :param group_id: the group (templated).
    :param user_ids: who is to be in it afterwards, and nobody else: at least one user (templated).
    :param who: ``members`` or ``supervisors``.
    :param dry_run: only return the plan.
    :param max_removals: fail, and change nothing, if more would be removed: a number, or a share (above 0,
        below 1) of those in it. An HR extract that broke off half-way then empties no group.
    :param result_path: write a line of JSON for each user with the ``change`` to this path or URL on any
        object storage, and return its ``path``, ``rows`` and ``sha256`` instead (templated). The XComs
        ``added`` and ``removed`` are then numbers.
    """

    template_fields = ("group_id", "user_ids", "result_path", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        user_ids: Ids,
        who: str = "members",
        dry_run: bool = False,
        max_removals: float | None = None,
        result_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(result_path=result_path, **kwargs)
        validate_choice("who", who, "members", "supervisors")
        validate_booleans(dry_run=dry_run)
        if max_removals is not None:
            validate_number("max_removals", max_removals, at_least=0)
        self.group_id = group_id
        self.user_ids = user_ids
        self.who = who
        self.only_plan = dry_run
        self.max_removals = max_removals

    def _execute(self, context: Context) -> Any:
        """Return who was added and who was removed, or the file that they are in."""
        from airflow_provider_damstra import endpoints
        from airflow_provider_damstra.services.group import make_equal, plan_membership

        self.refuse_unwritable_result()
        add = getattr(endpoints, f"AddGroup{self.who.title()}")
        wanted = add(group_id=self.group_id, user_ids=self.user_ids)
        plan = plan_membership(self.client, wanted)
        self.log.info("Group %d: %s", wanted.group_id, plan)
        plan.refuse_too_many_removals(self.max_removals)
        if not self.only_plan:
            plan = make_equal(self.client, wanted, plan)
        outcome = {"added": plan.added, "removed": plan.removed}
        for name, ids in outcome.items():
            context["ti"].xcom_push(key=name, value=ids if self.result_path is None else len(ids))
        if self.result_path is None:
            return outcome
        changes = [(user_id, name) for name, ids in outcome.items() for user_id in ids]
        return self.deliver([{"user_id": user_id, "change": name} for user_id, name in changes])
