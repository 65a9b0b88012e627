"""Users of a group or an ILT session: add them, remove them, or make them equal to a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_damstra.endpoints.base import RequestModel
from airflow_provider_damstra.endpoints.group import (
    AddGroupMembers,
    AddGroupSupervisors,
    ListGroupMembers,
    ListGroupSupervisors,
    RemoveGroupMembers,
    RemoveGroupSupervisors,
)
from airflow_provider_damstra.endpoints.ilt_session import BulkDeregisterIltSession, BulkRegisterIltSession
from airflow_provider_damstra.endpoints.types import Identifier, PossiblyEmptyIdentifierList
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.services.idempotency import call_and_verify, format_ids, log_or_raise_conflict
from airflow_provider_damstra.services.ilt_session import list_attendees

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.services.intent_log import RecordingClient

GroupAddition = AddGroupMembers | AddGroupSupervisors
Addition = GroupAddition | BulkRegisterIltSession
Removal = RemoveGroupMembers | RemoveGroupSupervisors | BulkDeregisterIltSession

_REMOVALS: dict[type[Addition], type[Removal]] = {
    AddGroupMembers: RemoveGroupMembers,
    AddGroupSupervisors: RemoveGroupSupervisors,
    BulkRegisterIltSession: BulkDeregisterIltSession,
}


def removal_of(addition: Addition, **changes: Any) -> Removal:
    """Return the request that removes the users that another one adds.

    :param changes: other values of its fields.
    """
    return _REMOVALS[type(addition)](**{**dict(addition), **changes})


def change_users(
    client: RecordingClient, request: Addition | Removal, *, strict: bool = False
) -> tuple[list[int], list[int]]:
    """Add or remove users for whom that changes something.

    :param strict: raise, and change nothing, if it changes nothing for some.
    :return: ids of the users whom this task added or removed, in earlier tries too, and of the others.
    :raises DamstraConflictError: if it changes nothing for some, and ``strict``.
    """
    pending = _find_pending(client, request)
    changed = {*pending, *client.intents.ids_sent(request)}
    others = [user_id for user_id in request.user_ids if user_id not in changed]
    if others:
        log_or_raise_conflict(_already_so(request, others), strict=strict)
    if pending:
        send_membership(client, request.model_copy(update={"user_ids": pending}))
    return [user_id for user_id in request.user_ids if user_id in changed], others


def send_membership(client: RecordingClient, request: Addition | Removal) -> None:
    """Add or remove users for whom that is known to change something."""
    call_and_verify(client, request, is_applied=lambda: not _find_pending(client, request))


def _already_so(request: Addition | Removal, user_ids: list[int]) -> str:
    negation = "" if type(request) in _REMOVALS else "not "
    if isinstance(request, BulkRegisterIltSession | BulkDeregisterIltSession):
        place, state = f"ILT session {request.ilt_session_id}", "registered"
    else:
        place, state = f"Group {request.group_id}", "in it"
    return f"{place}: users {format_ids(user_ids)} are {negation}{state} already."


def _find_pending(client: SupportsCalls, request: Addition | Removal) -> tuple[int, ...]:
    """Return the users for whom a request changes something."""
    present = _list_user_ids(client, request)
    is_addition = type(request) in _REMOVALS
    return tuple(user_id for user_id in request.user_ids if (user_id in present) != is_addition)


def _list_user_ids(client: SupportsCalls, request: Addition | Removal) -> set[int]:
    """Return the ids of the users in the group or session of a request."""
    if isinstance(request, BulkRegisterIltSession | BulkDeregisterIltSession):
        return set(list_attendees(client, request.ilt_session_id))
    is_of_members = isinstance(request, AddGroupMembers | RemoveGroupMembers)
    listing = ListGroupMembers if is_of_members else ListGroupSupervisors
    return {user.id for user in client.iterate(listing(group_id=request.group_id))}


def allowed_count(limit: float, total: int) -> float:
    """Return a limit as a number.

    :param limit: a number (1 or more, or 0), or a share of the total (below 1).
    """
    # Rounded, because 0.29 * 100 < 29.
    return round(limit * total, 9) if 0 < limit < 1 else limit


class GroupUsers(RequestModel):
    """The users who are to be in a group, as members or as supervisors; possibly none."""

    group_id: Identifier
    user_ids: PossiblyEmptyIdentifierList
    who: Literal["members", "supervisors"]

    def addition(self, user_ids: Iterable[int]) -> GroupAddition:
        """Return the request that adds users to the group."""
        kind = AddGroupMembers if self.who == "members" else AddGroupSupervisors
        # Not validated: without users it is not sent, and identifies the operation in the intent log.
        return kind.model_construct(group_id=self.group_id, user_ids=tuple(user_ids))

    def removal(self, user_ids: Iterable[int]) -> Removal:
        """Return the request that removes users from the group."""
        kind = _REMOVALS[type(self.addition(()))]
        return kind.model_construct(group_id=self.group_id, user_ids=tuple(user_ids))


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
        allowed = allowed_count(limit, self.present)
        if len(self.removed) > allowed:
            raise DamstraConflictError(
                f"{len(self.removed)} of {self.present} would be removed, and max_removals allows "
                f"{allowed:g}; nothing was changed. Is the list whole? If so, raise max_removals."
            )


def plan_membership(client: SupportsCalls, group: GroupUsers) -> MembershipPlan:
    """Return what makes the members, or supervisors, of a group equal to a list of users."""
    present = _list_user_ids(client, group.addition(()))
    return MembershipPlan(
        present=len(present),
        added=[user_id for user_id in group.user_ids if user_id not in present],
        removed=sorted(present.difference(group.user_ids)),
    )


def apply_membership(client: RecordingClient, group: GroupUsers, plan: MembershipPlan) -> MembershipPlan:
    """Carry out a plan, and return it together with what earlier tries of the task did.

    Users are added before others are removed.
    """
    addition, removal = group.addition(plan.added), group.removal(plan.removed)
    added = client.intents.ids_sent(addition).union(plan.added)
    removed = client.intents.ids_sent(removal).union(plan.removed)
    if plan.added:
        send_membership(client, addition)
    if plan.removed:
        send_membership(client, removal)
    return MembershipPlan(
        present=plan.present,
        added=[user_id for user_id in group.user_ids if user_id in added],
        removed=sorted(removed.difference(group.user_ids)),
    )
