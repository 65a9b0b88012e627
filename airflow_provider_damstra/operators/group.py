"""Operators for groups, their members and their supervisors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from airflow_provider_damstra.id_arguments import USER_LIST_FIELDS
from airflow_provider_damstra.operators.base import (
    ADDED_XCOM_KEYS,
    CREATED_XCOM_KEYS,
    FILE_XCOM_KEYS,
    ChangeStatusOperator,
    DamstraOperator,
    DryRunMixin,
    ResultFileMixin,
    RollbackOnKillMixin,
)
from airflow_provider_damstra.operators.user_arguments import ChangeUsersOperator, UserListMixin
from airflow_provider_damstra.validation import (
    is_empty,
    validate_at_least_one,
    validate_booleans,
    validate_choice,
    validate_number,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import (
        AddUsersArguments,
        Id,
        OperatorArguments,
        RemoveUsersArguments,
        RollbackArguments,
        StrictArguments,
        Text,
        UserListArguments,
    )


class DamstraCreateGroupOperator(RollbackOnKillMixin):
    """Return the id of the group of a name and parent; create the group if it does not exist.

    Calls ``listGroups`` and, if there is no such group, ``createGroup``; with ``if_exists="update"`` also
    ``getGroup`` and ``updateGroup``. A retry finds the group that an earlier try created.

    Names are compared regardless of case and surrounding blanks. Before a group is created, the listing of
    all groups is read for another spelling: one request per page.

    Pushes the XComs ``created``, whether the task created the group, in this try or an earlier one, and
    ``existing``, the opposite.

    :param name: name of the group (templated).
    :param description: purpose of the group (templated).
    :param parent_id: id of the parent group, or None for any parent (templated).
    :param if_exists: ``return`` an existing group, ``update`` its description, or ``fail``. A group that an
        earlier try of the task created does not count as existing.
    :param cancel_on_kill: make the group inactive, if this try created it, when the task is killed.
    :return: the group's id.
    :raises DamstraConflictError: if the group exists and ``if_exists`` is ``fail``, or several groups have
        the name and there is no ``parent_id``.
    """

    xcom_keys = CREATED_XCOM_KEYS
    template_fields = ("name", "description", "parent_id", "damstra_conn_id")

    def __init__(
        self,
        *,
        name: Text,
        description: Text,
        parent_id: Id | None = None,
        if_exists: Literal["return", "update", "fail"] = "return",
        **kwargs: Unpack[RollbackArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_choice("if_exists", if_exists, "return", "update", "fail")
        self.name = name
        self.description = description
        self.parent_id = parent_id
        self.if_exists = if_exists

    def _execute(self, context: Context) -> int:
        from airflow_provider_damstra.endpoints import CreateGroup
        from airflow_provider_damstra.services.group import get_or_create_group

        request = CreateGroup(**self.request_fields(CreateGroup))
        group, was_created = get_or_create_group(self.client, request, if_exists=self.if_exists)
        state = "created" if was_created else "is there already"
        self.log.info("Group %r (id %d) %s", group.name, group.id, state)
        self.push_xcoms(context, created=was_created, existing=not was_created)
        return group.id


class DamstraUpdateGroupOperator(DamstraOperator):
    """Change a group's name, description or parent.

    Calls ``getGroup`` and, if something differs, ``updateGroup``. Fields that are not given keep their
    values. A retry sends only what still differs.

    :param group_id: id of the group (templated).
    :param name: new name (templated).
    :param description: new description (templated).
    :param parent_id: id of the new parent group (templated).
    :return: whether the task changed the group, in this try or an earlier one.
    """

    template_fields = ("group_id", "name", "description", "parent_id", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        name: Text | None = None,
        description: Text | None = None,
        parent_id: Id | None = None,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        validate_at_least_one(name=name, description=description, parent_id=parent_id)
        self.group_id = group_id
        self.name = name
        self.description = description
        self.parent_id = parent_id

    def _execute(self, context: Context) -> bool:
        from airflow_provider_damstra.endpoints import UpdateGroup
        from airflow_provider_damstra.services.group import update_group

        return update_group(self.client, self.request_fields(UpdateGroup))


class DamstraInactivateGroupOperator(ChangeStatusOperator):
    """Make a group inactive.

    Calls ``getGroup``, ``listGroups`` and, if the group is active, ``inactivateGroup``. A retry finds out
    whether an earlier try did it.

    :param group_id: id of the group (templated).
    :param strict: fail if the group was inactive before this task.
    :return: whether the task made it inactive, in this try or an earlier one.
    :raises DamstraConflictError: if it was inactive before, and ``strict``.
    """

    endpoint_name = "InactivateGroup"
    template_fields = ("group_id", "damstra_conn_id")

    def __init__(self, *, group_id: Id, **kwargs: Unpack[StrictArguments]) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id


class _GroupUsersOperator(ChangeUsersOperator):
    """Base of the operators that add or remove members or supervisors."""

    template_fields = ("group_id", *USER_LIST_FIELDS, "damstra_conn_id")

    def __init__(self, *, group_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id


class _AddGroupUsersOperator(_GroupUsersOperator, RollbackOnKillMixin):
    xcom_keys = ADDED_XCOM_KEYS

    def __init__(self, *, group_id: Id, **kwargs: Unpack[AddUsersArguments]) -> None:
        super().__init__(group_id=group_id, **kwargs)


class _RemoveGroupUsersOperator(_GroupUsersOperator):
    def __init__(self, *, group_id: Id, **kwargs: Unpack[RemoveUsersArguments]) -> None:
        super().__init__(group_id=group_id, **kwargs)


class DamstraAddGroupMembersOperator(_AddGroupUsersOperator):
    """Add users to a group.

    Calls ``listGroupMembers`` and, for the users who are not members, ``addGroupMembers``. A retry adds only
    users who are still missing.

    Pushes the XComs ``added``, which is the result, and ``existing``: ids of the users who were members
    before.

    :param group_id: id of the group (templated).
    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param on_empty: ``fail``, or ``skip`` the task, if there are no users.
    :param strict: fail without adding any user if some users were members before this task.
    :param cancel_on_kill: remove the users that this try added, when the task is killed.
    :return: ids of the users that the task added, in this try or an earlier one.
    :raises DamstraConflictError: if some were members before, and ``strict``.
    """

    endpoint_name = "AddGroupMembers"


class DamstraRemoveGroupMembersOperator(_RemoveGroupUsersOperator):
    """Remove users from a group.

    Calls ``listGroupMembers`` and, for the users who are members, ``removeGroupMembers``. A retry removes
    only users who are still members.

    :param group_id: id of the group (templated).
    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param on_empty: ``fail``, or ``skip`` the task, if there are no users.
    :param strict: fail without removing any user if some users were not members before this task.
    :return: ids of the users that the task removed, in this try or an earlier one.
    :raises DamstraConflictError: if some were not members before, and ``strict``.
    """

    endpoint_name = "RemoveGroupMembers"


class DamstraAddGroupSupervisorsOperator(_AddGroupUsersOperator):
    """Make users supervisors of a group.

    Calls ``listGroupSupervisors`` and, for the users who are not supervisors, ``addGroupSupervisors``. A
    retry adds only users who are still missing.

    Pushes the XComs ``added``, which is the result, and ``existing``: ids of the users who were supervisors
    before.

    :param group_id: id of the group (templated).
    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param on_empty: ``fail``, or ``skip`` the task, if there are no users.
    :param strict: fail without adding any user if some users were supervisors before this task.
    :param cancel_on_kill: remove the supervisors that this try added, when the task is killed.
    :return: ids of the supervisors that the task added, in this try or an earlier one.
    :raises DamstraConflictError: if some were supervisors before, and ``strict``.
    """

    endpoint_name = "AddGroupSupervisors"


class DamstraRemoveGroupSupervisorsOperator(_RemoveGroupUsersOperator):
    """Remove supervisors from a group.

    Calls ``listGroupSupervisors`` and, for the users who are supervisors, ``removeGroupSupervisors``. A retry
    removes only users who are still supervisors.

    :param group_id: id of the group (templated).
    :param user_ids: ids of the users: a list, or a string such as ``1,2`` (templated); or
    :param employee_numbers: employee numbers of the users (templated); or
    :param email_addresses: e-mail addresses of the users (templated).
    :param on_empty: ``fail``, or ``skip`` the task, if there are no users.
    :param strict: fail without removing any user if some users were not supervisors before this task.
    :return: ids of the supervisors that the task removed, in this try or an earlier one.
    :raises DamstraConflictError: if some were not supervisors before, and ``strict``.
    """

    endpoint_name = "RemoveGroupSupervisors"


class DamstraSyncGroupMembersOperator(UserListMixin, DryRunMixin, ResultFileMixin):
    """Make the members, or supervisors, of a group equal to a list of users.

    Calls ``listGroupMembers`` and, where users differ, ``addGroupMembers`` and then ``removeGroupMembers``;
    or the same operations for supervisors. A retry changes only what still differs, and its result includes
    what earlier tries of the task changed.

    Pushes the XComs ``added`` and ``removed``: lists of user ids, or their lengths with ``result_path``.

    :param group_id: id of the group (templated).
    :param user_ids: ids of the users who are to be in the group afterwards: a list, or a string such as
        ``1,2`` (templated); or
    :param employee_numbers: employee numbers of these users (templated); or
    :param email_addresses: e-mail addresses of these users (templated).
    :param who: ``members`` or ``supervisors``.
    :param allow_empty: accept an empty list, and remove all users then; otherwise it fails the task. An empty
        string, which a template of an undefined variable renders, always fails it.
    :param dry_run: return the differences and change nothing (templated).
    :param max_removals: fail, and change nothing, if more users would be removed: a number, or a share (above
        0, below 1) of the users in the group. This protects against a truncated HR extract, and an empty one.
    :param result_path: path or URL, on any object storage, of a file to write a line of JSON for each user
        to, with the ``change`` (``added`` or ``removed``) (templated).
    :return: a dictionary of the lists ``added`` and ``removed``; with ``result_path`` the file's ``path``,
        ``rows`` and ``sha256``.
    :raises DamstraConflictError: if more users would be removed than ``max_removals``.
    """

    xcom_keys = ("added", "removed", *FILE_XCOM_KEYS)
    template_fields = ("group_id", *USER_LIST_FIELDS, "is_dry_run", "result_path", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        who: Literal["members", "supervisors"] = "members",
        allow_empty: bool = False,
        dry_run: bool | Text = False,
        max_removals: float | None = None,
        result_path: Text | None = None,
        **kwargs: Unpack[UserListArguments],
    ) -> None:
        super().__init__(dry_run=dry_run, result_path=result_path, **kwargs)
        validate_choice("who", who, "members", "supervisors")
        validate_booleans(allow_empty=allow_empty)
        if max_removals is not None:
            validate_number("max_removals", max_removals, at_least=0)
        self.group_id = group_id
        self.who = who
        self.allow_empty = allow_empty
        self.max_removals = max_removals

    def _execute(self, context: Context) -> Any:
        from airflow_provider_damstra.services.membership import GroupUsers, apply_membership, plan_membership

        is_dry_run = self.parse_dry_run()
        self.validate_paths("result_path")
        name = next((name for name in USER_LIST_FIELDS if is_empty(getattr(self, name))), None)
        if name and not self.allow_empty:
            raise ValueError(
                f"{name} is empty, so all {self.who} of group {self.group_id} would be removed; nothing was "
                "changed. If that is right, set allow_empty=True, with max_removals as a guard."
            )
        group = GroupUsers(**self.request_fields(GroupUsers), who=self.who)
        plan = plan_membership(self.client, group)
        self.log.info("Group %d: %s", group.group_id, plan)
        plan.validate_removals(self.max_removals)
        if not is_dry_run:
            plan = apply_membership(self.client, group, plan)
        outcome = {"added": plan.added, "removed": plan.removed}
        if self.result_path is None:
            return outcome
        self.push_ids(context, outcome)
        return self.return_or_write(
            [{"user_id": user_id, "change": name} for name, ids in outcome.items() for user_id in ids]
        )
