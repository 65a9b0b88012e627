"""Rollback of what a killed task did, as far as the API can undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.group import (
    AddGroupMembers,
    AddGroupSupervisors,
    CreateGroup,
    InactivateGroup,
)
from airflow_provider_damstra.endpoints.ilt_session import (
    BulkRegisterIltSession,
    CancelIltSession,
    CreateIltSession,
)
from airflow_provider_damstra.endpoints.user import ActivateUser, CreateUser, InactivateUser
from airflow_provider_damstra.services.group import find_group
from airflow_provider_damstra.services.ilt_session import find_ilt_session
from airflow_provider_damstra.services.intent_log import RecordingClient
from airflow_provider_damstra.services.membership import change_users, removal_of
from airflow_provider_damstra.services.status import change_status
from airflow_provider_damstra.services.user import find_user

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.endpoints.base import Endpoint


def roll_back(api_client: SupportsCalls, request: Endpoint[Any]) -> str:
    """Undo a request that was sent, whether or not its response arrived, and describe the outcome.

    A created object is looked up by its natural key: the service that created it had found none before. It
    has the spelling of the request, so no listing is read, for which a killed task has no time.

    :param api_client: sends the requests; they are not recorded for later tries.
    :param request: the request to undo.
    :raises DamstraError: if it could not be undone.
    """
    client = RecordingClient(api_client)
    match request:
        case CreateIltSession():
            session = find_ilt_session(client, request)
            if session:
                change_status(client, _silent_cancellation(session.id))
                return f"ILT session {session.id} is cancelled"
        case CreateGroup():
            group = find_group(client, request, consult_listing=False)
            if group:
                change_status(client, InactivateGroup(group_id=group.id))
                return f"group {group.id} is inactive"
        case CreateUser():
            user = find_user(client, request, consult_listing=False)
            if user:
                change_status(client, InactivateUser(user_id=user.id))
                return f"user {user.id} is inactive"
        case ActivateUser(user_id=user_id):
            change_status(client, InactivateUser(user_id=user_id))
            return f"user {user_id} is inactive again"
        case AddGroupMembers() | AddGroupSupervisors() | BulkRegisterIltSession():
            removed, _ = change_users(client, removal_of(request))
            return f"users {removed} are removed again"
        case _:
            return "it is left unchanged, because the API cannot undo it"
    return "it does not exist, so there is nothing to undo; check again later if Damstra was slow to respond"


def _silent_cancellation(ilt_session_id: int) -> CancelIltSession:
    return CancelIltSession(
        ilt_session_id=ilt_session_id,
        ilt_session_cancellation_trainee_notification_enabled=False,
        ilt_session_cancellation_instructor_notification_enabled=False,
    )
