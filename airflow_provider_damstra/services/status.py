"""Status of a user, a group or an ILT session: activate, inactivate, complete, cancel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.group import GetGroup, InactivateGroup, ListGroups
from airflow_provider_damstra.endpoints.ilt_session import CancelIltSession, CompleteIltSession, GetIltSession
from airflow_provider_damstra.endpoints.user import ActivateUser, GetUser, InactivateUser
from airflow_provider_damstra.errors import (
    DamstraError,
    DamstraNotFoundError,
    DamstraRateLimitError,
    DamstraTransportError,
    affects_every_call,
)
from airflow_provider_damstra.services.concurrency import map_concurrently, return_error
from airflow_provider_damstra.services.idempotency import call_and_verify, log_or_raise_conflict

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.services.intent_log import RecordingClient

StatusRequest = ActivateUser | InactivateUser | InactivateGroup | CompleteIltSession | CancelIltSession

log = logging.getLogger(__name__)


def change_status(client: RecordingClient, request: StatusRequest, *, strict: bool = False) -> bool:
    """Send a request unless its object has the status, and return whether this task caused it.

    :param strict: raise instead of returning False.
    :raises DamstraConflictError: if the object had the status before this task, and ``strict``.
    """
    description, is_applied = _lookup(client, request)
    if not is_applied():
        return call_and_verify(client, request, is_applied=is_applied)
    if client.intents.was_sent(request):
        log.info("%s: an earlier try of this task has done it.", request.request())
        return True
    log_or_raise_conflict(f"{description} already.", strict=strict)
    return False


def activate_users(client: RecordingClient, user_ids: Iterable[int]) -> None:
    """Activate users who are known to be inactive, several concurrently.

    :raises DamstraError: the first error; the other users may be inactive still.
    """
    requests = [ActivateUser(user_id=user_id) for user_id in user_ids]
    _change_statuses(client, requests, description="users activated")


def inactivate_users(client: RecordingClient, user_ids: Iterable[int]) -> None:
    """Inactivate users who are known to be active, several concurrently.

    :raises DamstraError: the first error; the other users may be active still.
    """
    requests = [InactivateUser(user_id=user_id) for user_id in user_ids]
    _change_statuses(client, requests, description="users inactivated")


def _change_statuses(
    client: RecordingClient, requests: Sequence[ActivateUser | InactivateUser], *, description: str
) -> None:
    def send(request: ActivateUser | InactivateUser) -> bool:
        return call_and_verify(client, request, is_applied=_lookup(client, request)[1])

    with client.intents.batch(requests):
        map_concurrently(send, requests, description=description)


def was_activated(client: RecordingClient, user_id: int) -> bool:
    """Return whether an earlier try of the task activated a user."""
    return client.intents.was_sent(ActivateUser(user_id=user_id))


def find_inactive_users(client: SupportsCalls, failed: Mapping[int, DamstraError]) -> list[int]:
    """Return the ids of inactive users among those for whom a request failed; further errors are ignored.

    Calls ``getUser`` for each, but not where the error has another cause: during an outage thousands of
    further requests, each with its retries, would delay the end of the task.

    :param failed: the errors by user id.
    """
    queries = [GetUser(user_id=user_id) for user_id, error in failed.items() if _may_be_inactive(error)]
    results = map_concurrently(return_error(client.call), queries, description="users looked up")
    return [user.id for user in results if not (isinstance(user, DamstraError) or user.is_active)]


def _may_be_inactive(error: DamstraError) -> bool:
    is_other_cause = isinstance(error, (DamstraNotFoundError, DamstraRateLimitError, DamstraTransportError))
    return not (is_other_cause or affects_every_call(error))


def _lookup(client: SupportsCalls, request: StatusRequest) -> tuple[str, Callable[[], bool]]:
    """Return the wanted status in words, and a function that looks up whether the object has it."""
    match request:
        case ActivateUser(user_id=user_id) | InactivateUser(user_id=user_id):
            user, active = GetUser(user_id=user_id), isinstance(request, ActivateUser)
            state = "active" if active else "inactive"
            return f"User {user_id} is {state}", lambda: client.call(user).is_active == active
        case InactivateGroup(group_id=group_id):
            name = client.call(GetGroup(group_id=group_id)).name
            # The details do not contain the status; the listing has active groups only.
            active_groups = ListGroups(q=name)
            return f"Group {group_id} ({name}) is inactive", lambda: all(
                group.id != group_id for group in client.iterate(active_groups)
            )
        case CompleteIltSession(ilt_session_id=session_id):
            session = GetIltSession(ilt_session_id=session_id)
            return f"ILT session {session_id} is completed", lambda: client.call(session).is_completed
        case CancelIltSession(ilt_session_id=session_id):
            session = GetIltSession(ilt_session_id=session_id)
            return f"ILT session {session_id} is cancelled", lambda: client.call(session).is_cancelled
