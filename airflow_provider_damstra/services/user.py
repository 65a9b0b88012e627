"""One user's account: created once, changed where it differs, active or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.user import (
    ActivateUser,
    CreateUser,
    GetUser,
    InactivateUser,
    UpdateUser,
)
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.models.user import CreatedUser
from airflow_provider_damstra.services.changes import checked_changes
from airflow_provider_damstra.services.idempotency import (
    SupportsCalls,
    call_and_verify,
    changed_by_earlier_try,
    get_or_create,
)
from airflow_provider_damstra.services.intent_log import restore, was_sent_before
from airflow_provider_damstra.services.user_import.upsert import MATCHES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_damstra.models.user import User


def find_user(client: SupportsCalls, wanted: CreateUser) -> User | None:
    """Return the user with the same employee number, else e-mail address, else user name; active or not.

    :raises DamstraConflictError: if several users have it.
    """
    for name, (_, search) in MATCHES.items():
        value = getattr(wanted, name)
        if value:
            found = [user for user in client.iterate(search(value)) if _is_same(getattr(user, name), value)]
            if len(found) > 1:
                ids = ", ".join(str(user.id) for user in found)
                raise DamstraConflictError(f"Users {ids} have the same {name}: correct them in Damstra.")
            return found[0] if found else None
    raise DamstraConflictError(
        "A user needs an employee_number, an email_address or a user_name to be found by."
    )


def _is_same(one: str | None, other: str) -> bool:
    return (one or "").casefold() == other.casefold()


def ensure_user(client: SupportsCalls, wanted: CreateUser, *, if_exists: str = "return") -> tuple[int, bool]:
    """Return the user's id, and whether it was created here.

    :param if_exists: ``return`` it as it is, ``update`` what differs, or ``fail``.
    """

    def find() -> CreatedUser | None:
        user = find_user(client, wanted)
        return CreatedUser.model_construct(id=user.id) if user else None

    user, was_created = get_or_create(client, wanted, find=find)
    if not was_created and if_exists == "fail":
        raise DamstraConflictError(f"The user exists already (id {user.id}).")
    # Only if a killed attempt made it inactive: anybody else who did had reasons.
    restore(client, wanted, again=lambda: set_active(client, ActivateUser(user_id=user.id)))
    if not was_created and if_exists == "update":
        update_user(
            client, user_id=user.id, changes=wanted.model_dump(exclude_none=True, exclude=_ONLY_AT_CREATION)
        )
    return user.id, was_created


_ONLY_AT_CREATION = {"send_welcome_email", "password"}
_TEXTS = ("user_name", "first_name", "last_name", "email_address", "phone_number", "mobile_number")
_SETS = ("roles", "groups", "groups_supervised")
_NOBODY: dict[str, Any] = {
    **dict.fromkeys((*_TEXTS, "time_zone"), ""),
    **dict.fromkeys(_SETS, ()),
    "employee_number": None,
}


def update_user(client: SupportsCalls, *, user_id: Any, changes: Mapping[str, Any]) -> bool:
    """Change what differs, and return False if nothing does.

    The API replaces a user's data as a whole, so the present data are read and sent along.
    """
    checked = checked_changes(UpdateUser, {**changes, "user_id": user_id}, **_NOBODY)
    question = GetUser(user_id=checked["user_id"])
    present = _data(client.call(question))
    wanted = UpdateUser(**{**present, **checked})

    def is_done() -> bool:
        return _data(wanted) == _data(client.call(question))

    if _data(wanted) == present:
        return was_sent_before(client, wanted)
    return call_and_verify(client, wanted, is_done=is_done)


def _data(user: User | UpdateUser) -> dict[str, Any]:
    """Return what an update replaces; a text that is missing is empty, for the API wants it."""
    data = {name: getattr(user, name) or "" for name in _TEXTS}
    data |= {name: getattr(user, name) for name in ("employee_number", "time_zone")}
    # Sets: neither order nor repetition says anything.
    return data | {name: tuple(sorted(set(getattr(user, name) or ()))) for name in _SETS}


def set_active(client: SupportsCalls, wanted: ActivateUser | InactivateUser, *, strict: bool = False) -> bool:
    """Make a user active or inactive, and return False if it is so already."""
    active = isinstance(wanted, ActivateUser)

    def is_done() -> bool:
        return client.call(GetUser(user_id=wanted.user_id)).is_active == active

    if is_done():
        state = "active" if active else "inactive"
        return changed_by_earlier_try(
            client, wanted, f"User {wanted.user_id} is {state} already.", strict=strict
        )
    return call_and_verify(client, wanted, is_done=is_done)
