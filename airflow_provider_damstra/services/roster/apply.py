"""Carry out a plan, so that a retry after a kill at any time carries out what is left."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.group import (
    AddGroupMembers,
    AddGroupSupervisors,
    CreateGroup,
    RemoveGroupMembers,
    RemoveGroupSupervisors,
)
from airflow_provider_damstra.services.concurrency import map_concurrently
from airflow_provider_damstra.services.group import find_group
from airflow_provider_damstra.services.idempotency import get_or_create
from airflow_provider_damstra.services.membership import send_membership
from airflow_provider_damstra.services.status import activate_users, inactivate_users

if TYPE_CHECKING:
    from airflow_provider_damstra.models.keys import MatchKey
    from airflow_provider_damstra.services.intent_log import RecordingClient
    from airflow_provider_damstra.services.roster.groups import GroupTarget
    from airflow_provider_damstra.services.roster.plan import Change, RosterPlan

_MembershipRequest = (
    type[AddGroupMembers]
    | type[AddGroupSupervisors]
    | type[RemoveGroupMembers]
    | type[RemoveGroupSupervisors]
)
_DESCRIPTION = "Created for an HR extract"


def apply_plan(client: RecordingClient, plan: RosterPlan, *, batch_size: int) -> dict[MatchKey, int]:
    """Carry out a plan, and return the ids of all people of the extract, by key.

    Leavers are made inactive before they leave their groups, because a scope can be a group: a retry would
    not find them otherwise.

    :param batch_size: users per request of an import.
    """
    sender = _MembershipSender(client)
    sender.group_ids = _create_groups(client, plan)
    sender.user_ids = dict(zip(plan.rows, plan.user_import.send(batch_size=batch_size), strict=True))
    activate_users(client, _existing_ids(plan.of_kind("reactivate")))
    sender.send(AddGroupMembers, plan.of_kind("add_to_group"))
    sender.send(AddGroupSupervisors, plan.of_kind("add_supervisor"))
    inactivate_users(client, _existing_ids(plan.of_kind("inactivate")))
    sender.send(RemoveGroupMembers, plan.of_kind("remove_from_group"))
    sender.send(RemoveGroupSupervisors, plan.of_kind("remove_supervisor"))
    return sender.user_ids


class _MembershipSender:
    """Sends the changes of members and supervisors, with one request per group.

    :ivar group_ids: ids of the groups that were created.
    :ivar user_ids: ids of all people of the extract, by key.
    """

    def __init__(self, client: RecordingClient) -> None:
        self._client = client
        self.group_ids: dict[GroupTarget, int] = {}
        self.user_ids: dict[MatchKey, int] = {}

    def send(self, kind: _MembershipRequest, changes: list[Change]) -> None:
        """Send changes of one kind, several groups concurrently."""
        users: dict[int, set[int]] = {}
        for change in changes:
            users.setdefault(self._group_id(change), set()).add(self._user_id(change))
        requests = [kind(group_id=group_id, user_ids=sorted(ids)) for group_id, ids in users.items()]
        with self._client.intents.batch(requests):
            map_concurrently(self._send, requests, description="groups changed")

    def _send(
        self, request: AddGroupMembers | AddGroupSupervisors | RemoveGroupMembers | RemoveGroupSupervisors
    ) -> None:
        send_membership(self._client, request)

    def _group_id(self, change: Change) -> int:
        group = change.group
        if group is None:
            raise TypeError(f"{change.kind} needs a group")
        return self.group_ids[group] if group.group_id is None else group.group_id

    def _user_id(self, change: Change) -> int:
        if change.user_id is not None:
            return change.user_id
        if change.key is None:
            raise TypeError(f"{change.kind} needs a person")
        return self.user_ids[change.key]


def _create_groups(client: RecordingClient, plan: RosterPlan) -> dict[GroupTarget, int]:
    groups = [change.group for change in plan.of_kind("create_group") if change.group is not None]
    requests = [
        CreateGroup(name=group.name, description=_DESCRIPTION, parent_id=group.parent_id) for group in groups
    ]

    def create(request: CreateGroup) -> int:
        # The plan was made from the listing of all groups: it is not read again for each group.
        find = partial(find_group, client, request, consult_listing=False)
        return get_or_create(client, request, find=find)[0].id

    with client.intents.batch(requests):
        ids = map_concurrently(create, requests, description="groups created")
    return dict(zip(groups, ids, strict=True))


def _existing_ids(changes: list[Change]) -> list[int]:
    return [change.user_id for change in changes if change.user_id is not None]
