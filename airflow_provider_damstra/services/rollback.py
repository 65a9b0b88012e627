"""Taking back what a killed task brought about, as far as the API can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.group import (
    AddGroupMembers,
    AddGroupSupervisors,
    CreateGroup,
    InactivateGroup,
    RemoveGroupMembers,
    RemoveGroupSupervisors,
)
from airflow_provider_damstra.endpoints.ilt_session import (
    BulkDeregisterIltSession,
    BulkRegisterIltSession,
    CancelIltSession,
    CreateIltSession,
)
from airflow_provider_damstra.endpoints.user import CreateUser, InactivateUser
from airflow_provider_damstra.services.group import change_membership, find_group, inactivate_group
from airflow_provider_damstra.services.ilt_session import change_registration, end, find_session
from airflow_provider_damstra.services.user import find_user, set_active

if TYPE_CHECKING:
    from airflow_provider_damstra.endpoints.base import Endpoint
    from airflow_provider_damstra.services.idempotency import SupportsCalls


def take_back(client: SupportsCalls, change: Endpoint[Any]) -> str:
    """Undo a change that was sent, whether or not its answer came, and return what became of it.

    What is created is looked for first by what names it: the action that sent it had found none before.

    :raises DamstraError: if it could not be undone.
    """
    match change:
        case CreateIltSession():
            session = find_session(client, change)
            if session:
                end(client, _cancellation_nobody_hears_of(session.id))
                return f"ILT session {session.id} is cancelled"
        case CreateGroup():
            group = find_group(client, name=change.name, parent_id=change.parent_id)
            if group:
                inactivate_group(client, InactivateGroup(group_id=group.id))
                return f"group {group.id} is inactive"
        case CreateUser():
            user = find_user(client, change)
            if user:
                set_active(client, InactivateUser(user_id=user.id))
                return f"user {user.id} is inactive"
        case AddGroupMembers() | AddGroupSupervisors():
            removing = RemoveGroupMembers if isinstance(change, AddGroupMembers) else RemoveGroupSupervisors
            wanted = removing(group_id=change.group_id, user_ids=change.user_ids)
            return f"users {change_membership(client, wanted)} are out of group {change.group_id} again"
        case BulkRegisterIltSession():
            leaving = BulkDeregisterIltSession(ilt_session_id=change.ilt_session_id, user_ids=change.user_ids)
            return f"users {change_registration(client, leaving)} are deregistered again"
        case _:
            return "it stays as it is, for the API cannot take it back"
    return "it is not there, so there is nothing to take back; look again if Damstra was slow to answer"


def _cancellation_nobody_hears_of(ilt_session_id: int) -> CancelIltSession:
    return CancelIltSession(
        ilt_session_id=ilt_session_id,
        ilt_session_cancellation_trainee_notification_enabled=False,
        ilt_session_cancellation_instructor_notification_enabled=False,
    )
