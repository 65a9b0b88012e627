"""Look up users by a value that identifies them, regardless of case and surrounding blanks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.user import ActiveValue, GetUser, ListUsers
from airflow_provider_damstra.errors import DamstraConflictError, DamstraNotFoundError
from airflow_provider_damstra.models.user import User
from airflow_provider_damstra.services.concurrency import map_concurrently
from airflow_provider_damstra.services.key_lookup import KeyLookup
from airflow_provider_damstra.text import join_first

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.keys import MatchKey

SEARCHES: dict[str, Callable[[str], ListUsers]] = {
    "employee_number": lambda value: ListUsers(emp_id=value, active_value=ActiveValue.ALL),
    "email_address": lambda value: ListUsers(email_address=value, active_value=ActiveValue.ALL),
    "user_name": lambda value: ListUsers(q=value, active_value=ActiveValue.ALL),
}
"""The search of the API for one value of each field that identifies a user, active or not."""


class UserLookup(KeyLookup[User]):
    """Look up users, active or not, by employee number, e-mail address or user name.

    Calls ``listUsers``: once for each of up to 200 values; and if one of them finds no user, or for more
    values, once for each page of the listing.

    :param match_by: a key of ``SEARCHES``.
    """

    kind = "users"

    def __init__(self, client: SupportsCalls, *, match_by: str) -> None:
        super().__init__(client, field=match_by)

    def search(self, value: str) -> ListUsers:
        """Return the search for one value."""
        return SEARCHES[self.field](value)

    def listing(self) -> ListUsers:
        """Return the listing of all users."""
        return ListUsers(active_value=ActiveValue.ALL)

    def find(self, values: Iterable[str], *, consult_listing: bool = True) -> dict[MatchKey, User]:
        """Return the users that exist, by key.

        :param values: none is blank.
        :param consult_listing: look for another spelling of what the searches do not find. It is not needed
            for users that were just created.
        :raises DamstraConflictError: naming the users with equal keys, if none or several of them have
            exactly the spelling that is looked for.
        """
        return self.only_users(self.candidates(values, consult_listing=consult_listing))

    def only_users(self, candidates: Mapping[MatchKey, Sequence[User]]) -> dict[MatchKey, User]:
        """Return the user of each key.

        :raises DamstraConflictError: naming the users of keys that have several.
        """
        several = [users for users in candidates.values() if len(users) > 1]
        problems = [" and ".join(str(user.id) for user in users) for users in several]
        if problems:
            shown = join_first(problems, separator="; ")
            raise DamstraConflictError(
                f"Users {shown} have the same {self.field}, "
                "so it is unknown which is meant; nothing was changed. Correct one of them in Damstra."
            )
        return {key: users[0] for key, users in candidates.items()}


def get_users(client: SupportsCalls, user_ids: Sequence[int]) -> dict[int, User]:
    """Return users by id, active or not, without those who do not exist.

    Calls ``getUser`` for each, concurrently.
    """
    found = map_concurrently(lambda one: _get_user(client, one), user_ids, description="users read")
    return {user_id: user for user_id, user in zip(user_ids, found, strict=True) if user is not None}


def _get_user(client: SupportsCalls, user_id: int) -> User | None:
    try:
        return client.call(GetUser(user_id=user_id))
    except DamstraNotFoundError as error:
        if error.is_from_proxy:  # it does not mean that there is no such user
            raise
        return None
