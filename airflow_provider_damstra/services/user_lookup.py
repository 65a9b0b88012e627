"""Look up users by a value that identifies them, regardless of case and surrounding blanks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.user import ActiveValue, ListUsers
from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.services.concurrency import map_concurrently

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.user import User

log = logging.getLogger(__name__)

SEARCHES: dict[str, Callable[[str], ListUsers]] = {
    "employee_number": lambda value: ListUsers(emp_id=value, active_value=ActiveValue.ALL),
    "email_address": lambda value: ListUsers(email_address=value, active_value=ActiveValue.ALL),
    "user_name": lambda value: ListUsers(q=value, active_value=ActiveValue.ALL),
}
"""The search of the API for one value of each field that identifies a user, active or not."""

_MAX_SEARCHES = 200
"""Users that are searched one by one; for more, the whole listing is read."""

_MAX_PROBLEMS_SHOWN = 20


class UserLookup:
    """Look up users by employee number, e-mail address or user name.

    Damstra's searches may compare the exact text. Values that they do not find are looked for in the listing
    of all users, which is read once for all of them.

    Calls ``listUsers``: once for each of up to 200 values; and if one of them finds nobody, or for more
    values, once for each page of the listing.

    :param match_by: a key of ``SEARCHES``.
    """

    def __init__(self, client: SupportsCalls, *, match_by: str) -> None:
        self._client = client
        self._match_by = match_by

    def key(self, user: object) -> MatchKey:
        """Return the key of a user, or of a request with the same field; empty if it has none."""
        return match_key(getattr(user, self._match_by))

    def find(self, values: Iterable[str], *, consult_listing: bool = True) -> dict[MatchKey, User]:
        """Return the users that exist, by key.

        :param values: none is blank.
        :param consult_listing: look for another spelling of what the searches do not find. It is not needed
            for users that were just created.
        :raises DamstraConflictError: naming the users with equal keys, if none or several of them have
            exactly the spelling that is looked for.
        """
        wanted = {match_key(value): value.strip() for value in values}
        if "" in wanted:
            raise ValueError(f"{self._match_by} is blank, so it identifies no user")
        users: list[User] = []
        missing = set(wanted)
        if len(wanted) <= _MAX_SEARCHES:
            found = map_concurrently(self._search, list(wanted.values()), description="users looked up")
            users = [user for result in found for user in result if self.key(user) in wanted]
            missing -= set(map(self.key, users))
            if not consult_listing:
                missing.clear()
        if missing:
            counts = (len(missing), len(wanted), self._match_by)
            log.info("The listing of all users is read to find %d of %d users by %s", *counts)
            listing = self._client.iterate(ListUsers(active_value=ActiveValue.ALL))
            # Not in a function of its own: the stack of a failed request stays short.
            users += [user for user in listing if self.key(user) in missing]
        return self._resolve(users, wanted)

    def _search(self, value: str) -> list[User]:
        return list(self._client.iterate(SEARCHES[self._match_by](value)))

    def _resolve(self, users: Iterable[User], wanted: Mapping[MatchKey, str]) -> dict[MatchKey, User]:
        """Return the user of each key; of several, the one with exactly the spelling that is wanted."""
        candidates: dict[MatchKey, dict[int, User]] = {}
        for user in users:
            # By id, because a row that moves between two pages is read twice.
            candidates.setdefault(self.key(user), {})[user.id] = user
        found: dict[MatchKey, User] = {}
        problems: list[str] = []
        for key, by_id in candidates.items():
            exact = [user for user in by_id.values() if getattr(user, self._match_by) == wanted[key]]
            matching = exact or list(by_id.values())
            found[key] = matching[0]
            if len(matching) > 1:
                problems.append(" and ".join(str(user.id) for user in matching))
        if problems:
            hidden = len(problems) - _MAX_PROBLEMS_SHOWN
            more = f"; and {hidden} more" if hidden > 0 else ""
            raise DamstraConflictError(
                f"Users {'; '.join(problems[:_MAX_PROBLEMS_SHOWN])}{more} have the same {self._match_by}, "
                "so it is unknown which is meant; nothing was changed. Correct one of them in Damstra."
            )
        return found
