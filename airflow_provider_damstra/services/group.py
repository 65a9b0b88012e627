"""One group: find, get or create, update."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.group import CreateGroup, GetGroup, ListGroups, UpdateGroup
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.services.idempotency import call_and_verify, get_or_create, parse_changes

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.services.intent_log import RecordingClient


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
            f"There are {len(found)} groups named {request.name!r} ({ids}): choose one with parent_id."
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
    changes = {"group_id": group.id, "name": request.name, "description": request.description}
    update_group(client, changes)
    return group, False


def update_group(client: RecordingClient, changes: Mapping[str, Any]) -> bool:
    """Change what differs, and return False if nothing does. Other fields keep their values.

    :param changes: the fields to change, and ``group_id``; None keeps a value.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    checked = parse_changes(UpdateGroup, given, name="-", description="")
    query = GetGroup(group_id=checked["group_id"])
    current = _comparable(client.call(query))
    request = UpdateGroup(**{**current, **checked})
    target = _comparable(request)
    if target == current:
        return client.intents.was_sent(request)
    return call_and_verify(client, request, is_applied=lambda: _comparable(client.call(query)) == target)


def _comparable(group: Group | UpdateGroup) -> dict[str, Any]:
    """Return what an update replaces."""
    return {"name": group.name, "description": group.description or "", "parent_id": group.parent_id}
