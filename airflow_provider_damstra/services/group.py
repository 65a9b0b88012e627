"""Groups that are there afterwards, with the people in them who should be."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.group import (
    AddGroupMembers,
    AddGroupSupervisors,
    CreateGroup,
    GetGroup,
    InactivateGroup,
    ListGroupMembers,
    ListGroups,
    ListGroupSupervisors,
    RemoveGroupMembers,
    RemoveGroupSupervisors,
    UpdateGroup,
)
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.services.changes import checked_changes
from airflow_provider_damstra.services.idempotency import (
    SupportsCalls,
    call_and_verify,
    changed_by_earlier_try,
    format_ids,
    get_or_create,
    refuse_if_strict,
)
from airflow_provider_damstra.services.intent_log import sent_before_for, was_sent_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.models.group import Group

log = logging.getLogger(__name__)

Adding = AddGroupMembers | AddGroupSupervisors
MembershipChange = Adding | RemoveGroupMembers | RemoveGroupSupervisors

_LISTING: dict[type[MembershipChange], type[ListGroupMembers] | type[ListGroupSupervisors]] = {
    AddGroupMembers: ListGroupMembers,
    RemoveGroupMembers: ListGroupMembers,
    AddGroupSupervisors: ListGroupSupervisors,
    RemoveGroupSupervisors: ListGroupSupervisors,
}
_ADDING = (AddGroupMembers, AddGroupSupervisors)
_REMOVING: dict[type[Adding], type[RemoveGroupMembers] | type[RemoveGroupSupervisors]] = {
    AddGroupMembers: RemoveGroupMembers,
    AddGroupSupervisors: RemoveGroupSupervisors,
}


def find_group(client: SupportsCalls, *, name: str, parent_id: int | None) -> Group | None:
    """Return the active group of that name, under that parent if one is named, or None.

    :raises DamstraConflictError: if no parent is named and several groups have the name.
    """
    # The API finds the text anywhere in a name.
    named = [group for group in client.iterate(ListGroups(q=name)) if group.name == name]
    if parent_id is not None:
        return next((group for group in named if group.parent_id == parent_id), None)
    if len(named) > 1:
        ids = ", ".join(str(group.id) for group in named)
        raise DamstraConflictError(
            f"There are {len(named)} groups named {name!r} ({ids}): say which with parent_id."
        )
    return named[0] if named else None


def ensure_group(
    client: SupportsCalls, wanted: CreateGroup, *, if_exists: str = "return"
) -> tuple[Group, bool]:
    """Return the group of that name and parent, and whether it was created here.

    :param if_exists: ``return`` it as it is, ``update`` its description, or ``fail``.
    """
    group, was_created = get_or_create(
        client, wanted, find=lambda: find_group(client, name=wanted.name, parent_id=wanted.parent_id)
    )
    if was_created or if_exists == "return":
        return group, was_created
    if if_exists == "fail":
        raise DamstraConflictError(f"Group {wanted.name!r} exists already (id {group.id}).")
    update = UpdateGroup(
        group_id=group.id, name=wanted.name, description=wanted.description, parent_id=group.parent_id
    )
    _replace_group(client, update)
    return group, False


def update_group(client: SupportsCalls, *, group_id: Any, changes: Mapping[str, Any]) -> bool:
    """Change what differs of a group, and return False if nothing does. What is not named stays."""
    wanted = checked_changes(UpdateGroup, {**changes, "group_id": group_id}, name="-", description="")
    group = client.call(GetGroup(group_id=wanted["group_id"]))
    present = {
        "name": group.name,
        "description": group.description or "",
        "parent_id": group.parent_id,
    }
    return _replace_group(client, UpdateGroup(**{**present, **wanted}))


def _replace_group(client: SupportsCalls, wanted: UpdateGroup) -> bool:
    """Give a group this name, description and parent, and return False if it has them already."""

    def is_done() -> bool:
        group = client.call(GetGroup(group_id=wanted.group_id))
        same_parent = wanted.parent_id in (None, group.parent_id)
        return same_parent and (group.name, group.description) == (wanted.name, wanted.description)

    if is_done():
        return was_sent_before(client, wanted)
    return call_and_verify(client, wanted, is_done=is_done)


def inactivate_group(client: SupportsCalls, wanted: InactivateGroup, *, strict: bool = False) -> bool:
    """Make a group inactive, and return False if it is so already. An inactive group leaves the listing."""
    name = client.call(GetGroup(group_id=wanted.group_id)).name

    def is_done() -> bool:
        return all(group.id != wanted.group_id for group in client.iterate(ListGroups(q=name)))

    if is_done():
        message = f"Group {wanted.group_id} ({name}) is inactive already."
        return changed_by_earlier_try(client, wanted, message, strict=strict)
    return call_and_verify(client, wanted, is_done=is_done)


def change_membership(client: SupportsCalls, wanted: MembershipChange, *, strict: bool = False) -> list[int]:
    """Add or remove those users for whom that changes something, and return their ids.

    Those for whom an earlier attempt of the task did it are among them.

    :param strict: refuse to change anything if it is so already for some.
    """
    todo = _still_to_do(client, wanted)
    ours = {*todo, *sent_before_for(client, wanted)}
    already = [user_id for user_id in wanted.user_ids if user_id not in ours]
    if already:
        state = "in it" if isinstance(wanted, _ADDING) else "not in it"
        refuse_if_strict(
            f"Group {wanted.group_id}: users {format_ids(already)} are {state} already.", strict=strict
        )
    if todo:
        _carry_out(client, wanted.model_copy(update={"user_ids": todo}))
    return [user_id for user_id in wanted.user_ids if user_id in ours]


def _carry_out(client: SupportsCalls, change: MembershipChange) -> None:
    """Add or remove users; all of them are known to need it."""
    call_and_verify(client, change, is_done=lambda: not _still_to_do(client, change))


def _still_to_do(client: SupportsCalls, change: MembershipChange) -> tuple[int, ...]:
    present = membership(client, change)
    adding = isinstance(change, _ADDING)
    return tuple(user_id for user_id in change.user_ids if (user_id in present) != adding)


def membership(client: SupportsCalls, change: MembershipChange) -> set[int]:
    """Return the ids of the users among whom a change would add or remove."""
    listing = _LISTING[type(change)](group_id=change.group_id)
    return {user.id for user in client.iterate(listing)}


@dataclass(frozen=True, kw_only=True)
class MembershipPlan:
    """What makes, or made, a group's people equal to a list."""

    present: int
    added: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the plan as the log shows it."""
        counts = f"{len(self.added)} to add and {len(self.removed)} of {self.present} to remove"
        return f"{counts}: add {format_ids(self.added)}, remove {format_ids(self.removed)}"

    def refuse_too_many_removals(self, most: float | None) -> None:
        """Refuse a plan that takes out more than a number (1 or more) or a share (below 1) of the present.

        :raises DamstraConflictError: before anything is changed.
        """
        if most is None:
            return
        allowed = most * self.present if 0 < most < 1 else most
        if len(self.removed) > allowed:
            raise DamstraConflictError(
                f"{len(self.removed)} of {self.present} would be removed, and max_removals allows "
                f"{allowed:g}; nothing was changed. Is the list whole? If so, raise max_removals."
            )


def plan_membership(client: SupportsCalls, wanted: Adding) -> MembershipPlan:
    """Return who is missing and who is too many for a group's people to be exactly those that are wanted."""
    present = membership(client, wanted)
    return MembershipPlan(
        present=len(present),
        added=[user_id for user_id in wanted.user_ids if user_id not in present],
        removed=sorted(present - set(wanted.user_ids)),
    )


def make_equal(client: SupportsCalls, wanted: Adding, plan: MembershipPlan) -> MembershipPlan:
    """Carry out a plan, and return it with what earlier attempts of the task did of theirs."""
    unwanted = _REMOVING[type(wanted)](group_id=wanted.group_id, user_ids=plan.removed or wanted.user_ids)
    added = sent_before_for(client, wanted).union(plan.added)
    removed = sent_before_for(client, unwanted).union(plan.removed)
    if plan.added:
        _carry_out(client, wanted.model_copy(update={"user_ids": tuple(plan.added)}))
    if plan.removed:
        _carry_out(client, unwanted)
    return MembershipPlan(
        present=plan.present,
        added=[user_id for user_id in wanted.user_ids if user_id in added],
        removed=sorted(removed.difference(wanted.user_ids)),
    )
