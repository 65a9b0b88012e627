"""Rollback of what a killed task did, as far as the API can undo it."""

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
from airflow_provider_damstra.services.group import change_members, find_group, inactivate_group
from airflow_provider_damstra.services.ilt_session import change_attendees, end_ilt_session, find_ilt_session
from airflow_provider_damstra.services.intent_log import RecordingClient
from airflow_provider_damstra.services.user import find_user, set_user_active

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.endpoints.base import Endpoint


def roll_back(api_client: SupportsCalls, request: Endpoint[Any]) -> str:
    """Undo a request that was sent, whether or not its response arrived, and describe the outcome.

    A created object is looked up by its natural key: the service that created it had found none before.

    :param api_client: sends the requests; they are not recorded for later tries.
    :param request: the request to undo.
    :raises DamstraError: if it could not be undone.
    """
    client = RecordingClient(api_client)
    match request:
        case CreateIltSession():
            session = find_ilt_session(client, request)
            if session:
                end_ilt_session(client, _silent_cancellation(session.id))
                return f"ILT session {session.id} is cancelled"
        case CreateGroup():
            group = find_group(client, request)
            if group:
                inactivate_group(client, InactivateGroup(group_id=group.id))
                return f"group {group.id} is inactive"
        case CreateUser():
            user = find_user(client, request)
            if user:
                set_user_active(client, InactivateUser(user_id=user.id))
                return f"user {user.id} is inactive"
        case AddGroupMembers() | AddGroupSupervisors():
            remove = RemoveGroupMembers if isinstance(request, AddGroupMembers) else RemoveGroupSupervisors
            removal = remove(group_id=request.group_id, user_ids=request.user_ids)
            return f"users {change_members(client, removal)} are out of group {request.group_id} again"
        case BulkRegisterIltSession():
            session_id, user_ids = request.ilt_session_id, request.user_ids
            leaving = BulkDeregisterIltSession(ilt_session_id=session_id, user_ids=user_ids)
            return f"users {change_attendees(client, leaving)} are deregistered again"
        case _:
            return "it stays as it is, because the API cannot undo it"
    return "it does not exist, so there is nothing to undo; look again if Damstra was slow to answer"


def _silent_cancellation(ilt_session_id: int) -> CancelIltSession:
    return CancelIltSession(
        ilt_session_id=ilt_session_id,
        ilt_session_cancellation_trainee_notification_enabled=False,
        ilt_session_cancellation_instructor_notification_enabled=False,
    )
