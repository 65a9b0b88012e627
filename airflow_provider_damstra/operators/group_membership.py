"""Operators for who is in a group and who supervises it. DAGs import them from ``operators.group``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_damstra.arguments import number, one_of
from airflow_provider_damstra.operators.base import CancelledOnKill, DamstraOperator, StepForUsers

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Id, Ids


class _MembershipOperator(StepForUsers):
    """Adds or removes users, and returns the ids of those for whom that changed something."""

    endpoint_name: ClassVar[str]
    template_fields = ("group_id", "user_ids", "damstra_conn_id")

    def __init__(
        self, *, group_id: Id, user_ids: Ids, on_empty: str = "fail", strict: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(user_ids=user_ids, on_empty=on_empty, **kwargs)
        self.group_id = group_id
        self.strict = strict

    def act(self, context: Context) -> list[int]:
        """Return for whom something changed."""
        from airflow_provider_damstra import endpoints
        from airflow_provider_damstra.actions.groups import change_membership

        wanted = getattr(endpoints, self.endpoint_name)(group_id=self.group_id, user_ids=self.user_ids)
        changed = change_membership(self.caller, wanted, strict=self.strict)
        self.log.info("Group %s: %s for users %s", self.group_id, self.endpoint_name, changed)
        return changed


class DamstraAddGroupMembersOperator(_MembershipOperator, CancelledOnKill):
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


class DamstraAddGroupSupervisorsOperator(_MembershipOperator, CancelledOnKill):
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


class DamstraSyncGroupMembersOperator(DamstraOperator):
    """Make a group's members equal to a list, and return who was ``added`` and who ``removed``.

    The result is that of all attempts of the task on Airflow 3.3, of the last one before it. The plan is
    logged. Calls ``listGroupMembers``, and ``addGroupMembers`` and ``removeGroupMembers`` where there is
    somebody to add or remove; or the same for supervisors.

    :param group_id: the group (templated).
    :param user_ids: who is to be in it afterwards, and nobody else: at least one user (templated).
    :param who: ``members`` or ``supervisors``.
    :param dry_run: only return the plan.
    :param max_removals: fail, and change nothing, if more would be removed: a number, or a share (above 0,
        below 1) of those in it. An HR extract that broke off half-way then empties no group.
    """

    template_fields = ("group_id", "user_ids", "damstra_conn_id")

    def __init__(
        self,
        *,
        group_id: Id,
        user_ids: Ids,
        who: str = "members",
        dry_run: bool = False,
        max_removals: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        one_of("who", who, "members", "supervisors")
        one_of("dry_run", dry_run, True, False)
        if max_removals is not None:
            number("max_removals", max_removals, at_least=0)
        self.group_id = group_id
        self.user_ids = user_ids
        self.who = who
        self.only_plan = dry_run
        self.max_removals = max_removals

    def act(self, context: Context) -> dict[str, list[int]]:
        """Return who was added and who was removed."""
        from airflow_provider_damstra import endpoints
        from airflow_provider_damstra.actions.groups import carry_out, plan_membership
        from airflow_provider_damstra.attempts import Attempts

        add, remove = (getattr(endpoints, f"{verb}Group{self.who.title()}") for verb in ("Add", "Remove"))
        wanted = add(group_id=self.group_id, user_ids=self.user_ids)
        plan = plan_membership(self.caller, wanted)
        self.log.info("Group %d: add %s, remove %s", wanted.group_id, plan.added, plan.removed)
        plan.refuse_too_many_removals(self.max_removals)
        if self.only_plan:
            return {"added": plan.added, "removed": plan.removed}
        attempts = Attempts(context)
        outcome = {name: attempts.add(name, getattr(plan, name)) for name in ("added", "removed")}
        for change, user_ids in ((add, plan.added), (remove, plan.removed)):
            if user_ids:
                carry_out(self.caller, change(group_id=wanted.group_id, user_ids=user_ids))
        return outcome
