"""Groups that are there afterwards, whether or not they were before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.actions.caller import Caller, call_until_done, create_unless_found
from airflow_provider_damstra.endpoints.group import (
    AddGroupMembers,
    CreateGroup,
    ListGroupMembers,
    ListGroups,
)
from airflow_provider_damstra.errors import DamstraConflictError

if TYPE_CHECKING:
    from airflow_provider_damstra.models.group import Group


def find_group(caller: Caller, *, name: str, parent_id: int | None) -> Group | None:
    """Return the active group of that name, under that parent if one is named, or None.

    :raises DamstraConflictError: if no parent is named and several groups have the name.
    """
    # The API finds the text anywhere in a name.
    named = [group for group in caller.iterate(ListGroups(q=name)) if group.name == name]
    if parent_id is not None:
        return next((group for group in named if group.parent_id == parent_id), None)
    if len(named) > 1:
        ids = ", ".join(str(group.id) for group in named)
        raise DamstraConflictError(
            f"There are {len(named)} groups named {name!r} ({ids}): say which with parent_id."
        )
    return named[0] if named else None


def ensure_group(caller: Caller, wanted: CreateGroup) -> tuple[Group, bool]:
    """Return the group of that name and parent, and whether it was created here."""
    return create_unless_found(
        caller, wanted, find=lambda: find_group(caller, name=wanted.name, parent_id=wanted.parent_id)
    )


def add_members(caller: Caller, wanted: AddGroupMembers) -> list[int]:
    """Put into a group who is not in it yet, and return their user ids."""
    present = _member_ids(caller, wanted.group_id)
    missing = tuple(user_id for user_id in wanted.user_ids if user_id not in present)
    if missing:
        call_until_done(
            caller,
            wanted.model_copy(update={"user_ids": missing}),
            is_done=lambda: set(missing) <= _member_ids(caller, wanted.group_id),
        )
    return list(missing)


def _member_ids(caller: Caller, group_id: int) -> set[int]:
    return {user.id for user in caller.iterate(ListGroupMembers(group_id=group_id))}
