"""One group: find, get or create, update, inactivate; change its members and supervisors."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
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
from airflow_provider_damstra.services.idempotency import (
    call_and_verify,
    changed_by_earlier_try,
    format_ids,
    get_or_create,
    own_user_ids,
    parse_changes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.services.intent_log import RecordingClient

AddRequest = AddGroupMembers | AddGroupSupervisors
RemoveRequest = RemoveGroupMembers | RemoveGroupSupervisors
MembershipRequest = AddRequest | RemoveRequest

_ADD = (AddGroupMembers, AddGroupSupervisors)
_MEMBERS = (AddGroupMembers, RemoveGroupMembers)


def find_group(client: SupportsCalls, request: CreateGroup) -> Group | None:
    """Return the active group of the same name, and parent if one is given, or None.

    :raises DamstraConflictError: if no parent is given and several groups have the name.
    """
    # The search matches any part of a name.
    found = [group for group in client.iterate(ListGroups(q=request.name)) if group.name == request.name]
    if request.parent_id is not None:
        return next((group for group in found if group.parent_id == request.parent_id), None)
    if len(found) > 1:
        ids = ", ".join(str(group.id) for group in found)
        raise DamstraConflictError(
            f"There are {len(found)} groups named {request.name!r} ({ids}): say which with parent_id."
        )
    return found[0] if found else None


def get_or_create_group(
    client: RecordingClient, request: CreateGroup, *, if_exists: str = "return"
) -> tuple[Group, bool]:
    """Return the group of a name and parent, and whether this task created it.

    :param if_exists: ``return`` an existing group unchanged, ``update`` its description, or ``fail``.
    """
    group, was_created = get_or_create(client, request, find=partial(find_group, client, request))
    if was_created or if_exists == "return":
        return group, was_created
    if if_exists == "fail":
        raise DamstraConflictError(f"Group {request.name!r} exists already (id {group.id}).")
    update_group(
        client, group_id=group.id, changes={"name": request.name, "description": request.description}
    )
    return group, False


def update_group(client: RecordingClient, *, group_id: Any, changes: Mapping[str, Any]) -> bool:
    """Change what differs, and return False if nothing does. Other fields keep their values."""
    checked = parse_changes(UpdateGroup, {**changes, "group_id": group_id}, name="-", description="")
    query = GetGroup(group_id=checked["group_id"])
    current = _comparable(client.call(query))
    request = UpdateGroup(**{**current, **checked})
    target = _comparable(request)
    if target == current:
        return client.intents.was_sent(request)
    return call_and_verify(client, request, is_applied=lambda: _comparable(client.call(query)) == target)


def inactivate_group(client: RecordingClient, request: InactivateGroup, *, strict: bool = False) -> bool:
    """Make a group inactive, and return False if it is so already.

    :param strict: raise instead of returning False.
    """
    name = client.call(GetGroup(group_id=request.group_id)).name

    def is_applied() -> bool:
        # The details do not tell; the listing has active groups only.
        return all(group.id != request.group_id for group in client.iterate(ListGroups(q=name)))

    if is_applied():
        message = f"Group {request.group_id} ({name}) is inactive already."
        return changed_by_earlier_try(client, request, message, strict=strict)
    return call_and_verify(client, request, is_applied=is_applied)


def change_members(client: RecordingClient, request: MembershipRequest, *, strict: bool = False) -> list[int]:
    """Add or remove users for whom that changes something, and return their ids.

    :param strict: raise, and change nothing, if it changes nothing for some.
    """
    state = "in it" if isinstance(request, _ADD) else "not in it"
    already = f"Group {request.group_id}: users %s are {state} already."
    pending = _find_pending(client, request)
    changed = own_user_ids(client, request, pending=pending, already=already, strict=strict)
    if pending:
        narrowed = request.model_copy(update={"user_ids": pending})
        call_and_verify(client, narrowed, is_applied=lambda: not _find_pending(client, narrowed))
    return changed


def list_member_ids(client: SupportsCalls, request: MembershipRequest) -> set[int]:
    """Return the ids of the members, or supervisors, of the group that a request would change."""
    listing = ListGroupMembers if isinstance(request, _MEMBERS) else ListGroupSupervisors
    return {user.id for user in client.iterate(listing(group_id=request.group_id))}


@dataclass(frozen=True, kw_only=True)
class MembershipPlan:
    """The differences between the users of a group and the wanted ones.

    :param present: number of users in the group.
    """

    present: int
    added: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the plan as a log line."""
        counts = f"{len(self.added)} to add and {len(self.removed)} of {self.present} to remove"
        return f"{counts}: add {format_ids(self.added)}, remove {format_ids(self.removed)}"

    def validate_removals(self, limit: float | None) -> None:
        """Raise if the plan removes more users than allowed, before anything is changed.

        :param limit: a number of users (1 or more, or 0), a share of the present ones (below 1), or None for
            all.
        :raises DamstraConflictError: if there are more.
        """
        if limit is None:
            return
        allowed = limit * self.present if 0 < limit < 1 else limit
        if len(self.removed) > allowed:
            raise DamstraConflictError(
                f"{len(self.removed)} of {self.present} would be removed, and max_removals allows "
                f"{allowed:g}; nothing was changed. Is the list whole? If so, raise max_removals."
            )


def plan_membership(client: SupportsCalls, request: AddRequest) -> MembershipPlan:
    """Return what makes the members, or supervisors, of a group exactly the users of the request."""
    present = list_member_ids(client, request)
    return MembershipPlan(
        present=len(present),
        added=[user_id for user_id in request.user_ids if user_id not in present],
        removed=sorted(present.difference(request.user_ids)),
    )


def apply_membership(client: RecordingClient, request: AddRequest, plan: MembershipPlan) -> MembershipPlan:
    """Carry out a plan, and return it together with what earlier tries of the task did.

    Users are added before others are removed.
    """
    remove = RemoveGroupMembers if isinstance(request, AddGroupMembers) else RemoveGroupSupervisors
    removal = remove(group_id=request.group_id, user_ids=tuple(plan.removed) or request.user_ids)
    added = client.intents.ids_sent(request).union(plan.added)
    removed = client.intents.ids_sent(removal).union(plan.removed)
    if plan.added:
        addition = request.model_copy(update={"user_ids": tuple(plan.added)})
        call_and_verify(client, addition, is_applied=lambda: not _find_pending(client, addition))
    if plan.removed:
        call_and_verify(client, removal, is_applied=lambda: not _find_pending(client, removal))
    return MembershipPlan(
        present=plan.present,
        added=[user_id for user_id in request.user_ids if user_id in added],
        removed=sorted(removed.difference(request.user_ids)),
    )


def _find_pending(client: SupportsCalls, request: MembershipRequest) -> tuple[int, ...]:
    present = list_member_ids(client, request)
    is_add = isinstance(request, _ADD)
    return tuple(user_id for user_id in request.user_ids if (user_id in present) != is_add)


def _comparable(group: Group | UpdateGroup) -> dict[str, Any]:
    """Return what an update replaces."""
    return {"name": group.name, "description": group.description or "", "parent_id": group.parent_id}
