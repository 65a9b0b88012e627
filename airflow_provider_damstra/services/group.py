"""One group: find, get or create, update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.group import CreateGroup, GetGroup, ListGroups, UpdateGroup
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.services.idempotency import (
    call_and_verify,
    get_or_create,
    parse_changes,
    replace_fields,
)

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.services.intent_log import RecordingClient


def find_group(client: SupportsCalls, request: CreateGroup, *, consult_listing: bool = True) -> Group | None:
    """Return the active group of the same name, and parent if one is given, or None.

    Names are equal regardless of case and surrounding blanks; exactly the same name has precedence.

    :param consult_listing: look for another spelling in the listing of all groups, if the search finds none.
    :raises DamstraConflictError: if several groups match.
    """
    # The search matches any part of a name.
    found = _matching_groups(client.iterate(ListGroups(q=request.name)), request)
    if not found and consult_listing:
        # It may distinguish upper from lower case.
        found = _matching_groups(client.iterate(ListGroups()), request)
    found = [group for group in found if group.name == request.name] or found
    if len(found) > 1:
        ids = ", ".join(str(group.id) for group in found)
        advice = "choose one with parent_id" if request.parent_id is None else "rename one of them in Damstra"
        raise DamstraConflictError(f"There are {len(found)} groups named {request.name!r} ({ids}): {advice}.")
    return found[0] if found else None


def _matching_groups(groups: Iterable[Group], request: CreateGroup) -> list[Group]:
    """Return the groups of the name and parent of a request, each once although it may move between pages."""
    key = match_key(request.name)
    matching = {
        group.id: group
        for group in groups
        if match_key(group.name) == key and request.parent_id in (None, group.parent_id)
    }
    return list(matching.values())


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
    changes = {"group_id": group.id, "description": request.description}
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
    request = replace_fields(UpdateGroup, current, checked)
    target = _comparable(request)
    if target == current:
        return client.intents.was_sent(request)
    return call_and_verify(client, request, is_applied=lambda: _comparable(client.call(query)) == target)


def _comparable(group: Group | UpdateGroup) -> dict[str, Any]:
    """Return what an update replaces."""
    return {"name": group.name, "description": group.description or "", "parent_id": group.parent_id}
