"""One user: find, get or create, update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.user import ActivateUser, CreateUser, GetUser, UpdateUser
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.models.user import User
from airflow_provider_damstra.services.idempotency import (
    call_and_verify,
    get_or_create,
    parse_changes,
    replace_fields,
)
from airflow_provider_damstra.services.status import change_status
from airflow_provider_damstra.services.user_lookup import SEARCHES, UserLookup

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.services.intent_log import RecordingClient

_ONLY_AT_CREATION = {"send_welcome_email", "password"}
_TEXT_FIELDS = ("user_name", "first_name", "last_name", "email_address", "phone_number", "mobile_number")
_SET_FIELDS = ("roles", "groups", "groups_supervised")
_PLACEHOLDERS: dict[str, Any] = {
    **dict.fromkeys((*_TEXT_FIELDS, "time_zone"), ""),
    **dict.fromkeys(_SET_FIELDS, ()),
    "employee_number": None,
}


def find_user(client: SupportsCalls, request: CreateUser, *, consult_listing: bool = True) -> User | None:
    """Return the user with the same employee number, else e-mail address, else user name; active or not.

    :param consult_listing: look for another spelling in the listing of all users, if the search finds none.
    :raises DamstraConflictError: if several users have it, or the request has none of the three.
    """
    for name in SEARCHES:
        value = getattr(request, name)
        if value:
            lookup = UserLookup(client, match_by=name)
            # Not with find: the stack of a failed request stays short.
            candidates = lookup.candidates([value], consult_listing=consult_listing)
            return next(iter(lookup.only_users(candidates).values()), None)
    raise DamstraConflictError(
        "A user needs an employee_number, an email_address or a user_name to be found by."
    )


@dataclass(frozen=True, kw_only=True)
class UserResult:
    """A user that was found or created.

    :param created: whether this task created the user, in this try or an earlier one.
    :param reactivated: whether this task activated a user that it did not create.
    :param inactive: whether the user is inactive.
    """

    user_id: int
    created: bool
    reactivated: bool
    inactive: bool


def get_or_create_user(
    client: RecordingClient, request: CreateUser, *, if_exists: str = "return", reactivate: bool = False
) -> UserResult:
    """Return a user; create it if it does not exist.

    A user whom an earlier try created or activated, and made inactive when it was killed, is activated again.

    :param if_exists: ``return`` an existing user unchanged, ``update`` what differs, or ``fail``.
    :param reactivate: activate an existing user that is inactive.
    """
    user, was_created = get_or_create(client, request, find=partial(find_user, client, request))
    is_inactive = isinstance(user, User) and not user.is_active
    if not was_created and if_exists == "fail":
        state = " and is inactive" if is_inactive else ""
        raise DamstraConflictError(f"The user exists already (id {user.id}){state}.")
    if not was_created and if_exists == "update":
        changes = request.model_dump(exclude_none=True, exclude=_ONLY_AT_CREATION)
        update_user(client, {**changes, "user_id": user.id})
    activation = ActivateUser(user_id=user.id)
    rolled_back = [one for one in (request, activation) if client.intents.was_rolled_back(one)]
    is_reactivated = client.intents.was_sent(activation)
    if is_inactive and (reactivate or rolled_back):
        change_status(client, activation)
        is_inactive, is_reactivated = False, True
    for one in rolled_back:
        client.intents.mark_restored(one)
    return UserResult(
        user_id=user.id,
        created=was_created,
        reactivated=is_reactivated and not was_created,
        inactive=is_inactive,
    )


def update_user(client: RecordingClient, changes: Mapping[str, Any]) -> bool:
    """Change what differs, and return False if nothing does. Other fields keep their values.

    :param changes: the fields to change, and ``user_id``.
    """
    checked = parse_changes(UpdateUser, changes, **_PLACEHOLDERS)
    query = GetUser(user_id=checked["user_id"])
    current = _comparable(client.call(query))
    request = replace_fields(UpdateUser, current, checked)
    target = _comparable(request)
    if target == current:
        return client.intents.was_sent(request)
    return call_and_verify(client, request, is_applied=lambda: _comparable(client.call(query)) == target)


def _comparable(user: User | UpdateUser) -> dict[str, Any]:
    """Return what an update replaces, with empty strings for missing ones and without order in sets."""
    values = {name: getattr(user, name) or "" for name in _TEXT_FIELDS}
    values |= {name: getattr(user, name) for name in ("employee_number", "time_zone")}
    return values | {name: tuple(sorted(set(getattr(user, name) or ()))) for name in _SET_FIELDS}
