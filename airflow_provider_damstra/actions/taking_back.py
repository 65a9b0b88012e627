"""Taking back what a killed task brought about, as far as the API can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.actions.groups import change_membership, find_group, inactivate_group
from airflow_provider_damstra.actions.ilt_attendance import change_registration
from airflow_provider_damstra.actions.ilt_sessions import end, find_session
from airflow_provider_damstra.actions.user_accounts import find_user, set_active
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
from airflow_provider_damstra.errors import DamstraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_damstra.actions.caller import Answer, Caller, Row
    from airflow_provider_damstra.endpoints.base import Endpoint, Paged


class Noting:
    """A caller that notes each change before it is sent, so that it is known even if no answer comes.

    :param caller: makes the calls.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.changes: list[Endpoint[Any]] = []

    def call(self, endpoint: Endpoint[Answer]) -> Answer:
        """Return the answer to one call; what surely was not carried out is noted no longer."""
        if endpoint.method == "GET":
            return self._caller.call(endpoint)
        self.changes.append(endpoint)
        try:
            return self._caller.call(endpoint)
        except DamstraError as error:
            if not error.may_have_been_carried_out:
                self.changes.remove(endpoint)
            raise

    def iterate(self, endpoint: Paged[Row]) -> Iterator[Row]:
        """Yield the rows of a listing."""
        return self._caller.iterate(endpoint)


def take_back(caller: Caller, change: Endpoint[Any]) -> str:
    """Undo a change that was sent, whether or not its answer came, and return what became of it.

    What is created is looked for first by what names it: the action that sent it had found none before.

    :raises DamstraError: if it could not be undone.
    """
    match change:
        case CreateIltSession():
            session = find_session(caller, change)
            if session:
                end(caller, _cancellation_nobody_hears_of(session.id))
                return f"ILT session {session.id} is cancelled"
        case CreateGroup():
            group = find_group(caller, name=change.name, parent_id=change.parent_id)
            if group:
                inactivate_group(caller, InactivateGroup(group_id=group.id))
                return f"group {group.id} is inactive"
        case CreateUser():
            user = find_user(caller, change)
            if user:
                set_active(caller, InactivateUser(user_id=user.id))
                return f"user {user.id} is inactive"
        case AddGroupMembers() | AddGroupSupervisors():
            removing = RemoveGroupMembers if isinstance(change, AddGroupMembers) else RemoveGroupSupervisors
            wanted = removing(group_id=change.group_id, user_ids=change.user_ids)
            return f"users {change_membership(caller, wanted)} are out of group {change.group_id} again"
        case BulkRegisterIltSession():
            leaving = BulkDeregisterIltSession(ilt_session_id=change.ilt_session_id, user_ids=change.user_ids)
            return f"users {change_registration(caller, leaving)} are deregistered again"
        case _:
            return "it stays as it is, for the API cannot take it back"
    return "it is not there, so there is nothing to take back; look again if Damstra was slow to answer"


def _cancellation_nobody_hears_of(ilt_session_id: int) -> CancelIltSession:
    return CancelIltSession(
        ilt_session_id=ilt_session_id,
        ilt_session_cancellation_trainee_notification_enabled=False,
        ilt_session_cancellation_instructor_notification_enabled=False,
    )
