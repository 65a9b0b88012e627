"""One group: find, get or create, update."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.group import CreateGroup, GetGroup, ListGroups, UpdateGroup
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.models.group import Group
from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.services.idempotency import (
    call_and_verify,
    get_or_create,
    parse_changes,
    replace_fields,
)
from airflow_provider_damstra.services.key_lookup import KeyLookup

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.services.intent_log import RecordingClient


class GroupLookup(KeyLookup[Group]):
    """Look up active groups by name, and by parent if one is given.

    Calls ``listGroups``: once for the name, and once for each page of the listing if no group is found.

    :param parent_id: id of the groups' parent, or None for any parent.
    """

    kind = "groups"

    def __init__(self, client: SupportsCalls, *, parent_id: int | None) -> None:
        super().__init__(client, field="name")
        self._parent_id = parent_id

    def search(self, value: str) -> ListGroups:
        """Return the search for a name, of which the API finds any part."""
        return ListGroups(q=value)

    def listing(self) -> ListGroups:
        """Return the listing of all active groups."""
        return ListGroups()

    def key(self, row: Group) -> MatchKey:
        """Return the key of a group; it is empty if the group has another parent."""
        return super().key(row) if self._parent_id in (None, row.parent_id) else MatchKey("")


def descendants(groups: Iterable[Group], top_id: int) -> list[Group]:
    """Return the groups below a group, at any depth; a cycle of parents ends the search."""
    children: dict[int | None, list[Group]] = {}
    for group in groups:
        children.setdefault(group.parent_id, []).append(group)
    found: dict[int, Group] = {}
    queue = deque(children.get(top_id, ()))
    while queue:
        group = queue.popleft()
        if group.id not in found and group.id != top_id:
            found[group.id] = group
            queue += children.get(group.id, ())
    return list(found.values())


def find_group(client: SupportsCalls, request: CreateGroup, *, consult_listing: bool = True) -> Group | None:
    """Return the active group of the same name, and parent if one is given, or None.

    Names are equal regardless of case and surrounding blanks; exactly the same name has precedence.

    :param consult_listing: look for another spelling in the listing of all groups, if the search finds none.
    :raises DamstraConflictError: if several groups match.
    """
    lookup = GroupLookup(client, parent_id=request.parent_id)
    candidates = lookup.candidates([request.name], consult_listing=consult_listing)
    found = candidates.get(match_key(request.name), [])
    if len(found) > 1:
        ids = ", ".join(str(group.id) for group in found)
        advice = "choose one with parent_id" if request.parent_id is None else "rename one of them in Damstra"
        raise DamstraConflictError(f"There are {len(found)} groups named {request.name!r} ({ids}): {advice}.")
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
