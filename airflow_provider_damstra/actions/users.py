"""Users from outside: created or updated in batches, roles kept, and who was which."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_damstra.actions.caller import Caller, fan_out
from airflow_provider_damstra.endpoints.user import (
    ActiveValue,
    BulkUserImport,
    ImportedUser,
    ListUsers,
    MergeType,
)
from airflow_provider_damstra.errors import DamstraConflictError, DamstraError
from airflow_provider_damstra.models.user import Role, User

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

MATCHES: dict[str, tuple[MergeType, Callable[[str], ListUsers]]] = {
    "employee_number": (
        MergeType.EMPLOYEE_NUMBER,
        lambda value: ListUsers(emp_id=value, active_value=ActiveValue.ALL),
    ),
    "email_address": (
        MergeType.EMAIL,
        lambda value: ListUsers(email_address=value, active_value=ActiveValue.ALL),
    ),
    "user_name": (MergeType.USER_NAME, lambda value: ListUsers(q=value, active_value=ActiveValue.ALL)),
}
"""By what a user can be recognised: how the import is told, and how one is searched."""

_SEARCHED_ONE_BY_ONE = 200
"""Up to so many people are searched one by one; for more the whole listing is read."""


@dataclass(frozen=True, kw_only=True)
class Upserted:
    """Who was created, who was updated and who was as wanted already: user ids, in the order of the rows."""

    user_ids: list[int] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)


class _Matcher:
    """Recognises users by one member, as the import does."""

    def __init__(self, caller: Caller, *, match_by: str) -> None:
        self.caller = caller
        self.match_by = match_by
        self.merge_type, self._search = MATCHES[match_by]

    def key(self, user: User | ImportedUser) -> str:
        return str(getattr(user, self.match_by) or "").casefold()

    def find(self, rows: Sequence[ImportedUser]) -> dict[str, User]:
        """Return the users that exist, by key.

        :raises DamstraConflictError: if one row matches several users.
        """
        wanted = {self.key(row) for row in rows}
        found: dict[str, User] = {}
        for user in self._candidates(rows):
            key = self.key(user)
            if key not in wanted:
                continue
            if found.setdefault(key, user).id != user.id:
                raise DamstraConflictError(
                    f"Users {found[key].id} and {user.id} have the same {self.match_by}, so nobody can tell "
                    "which is meant; nobody was imported. Correct one of them in Damstra."
                )
        return found

    def _candidates(self, rows: Sequence[ImportedUser]) -> list[User]:
        if len(rows) > _SEARCHED_ONE_BY_ONE:
            return list(self.caller.iterate(ListUsers(active_value=ActiveValue.ALL)))
        outcomes = fan_out(self._search_one, rows, what="users looked up")
        for _, outcome in outcomes:
            if isinstance(outcome, DamstraError):
                raise outcome
        return [user for _, users in outcomes if not isinstance(users, DamstraError) for user in users]

    def _search_one(self, row: ImportedUser) -> list[User]:
        return list(self.caller.iterate(self._search(str(getattr(row, self.match_by)))))


def upsert_users(
    caller: Caller, rows: Sequence[ImportedUser], *, match_by: str, batch_size: int, keep_roles: bool
) -> Upserted:
    """Create the users that are not there, update those that differ, and leave the others alone.

    :param match_by: a name in ``MATCHES``; every row has it.
    :param keep_roles: send the present roles of a user whose row names none: without roles the import resets
        them.
    :raises DamstraError: naming the batches that were imported before the one that failed.
    """
    matcher = _Matcher(caller, match_by=match_by)
    before = matcher.find(rows)
    wanted = [_with_roles(row, before.get(matcher.key(row))) if keep_roles else row for row in rows]
    to_send = [row for row in wanted if not _is_as_wanted(before.get(matcher.key(row)), row)]
    log.info(
        "%d users: %d as wanted already, %d to import", len(rows), len(rows) - len(to_send), len(to_send)
    )
    ids = {key: user.id for key, user in before.items()}
    for start in range(0, len(to_send), batch_size):
        batch = to_send[start : start + batch_size]
        try:
            ids.update(_import(matcher, batch))
        except DamstraError as error:
            error.args = (f"{_so_far(start, len(batch), len(to_send))} {error}",)
            raise
    return _told_apart(matcher, rows, to_send=to_send, before=before, ids=ids)


def _import(matcher: _Matcher, batch: Sequence[ImportedUser]) -> dict[str, int]:
    """Import one batch and return ids by key; if the answer is lost, send again only what is not there."""
    call = BulkUserImport(users=tuple(batch), merge_type=matcher.merge_type)
    try:
        users = {matcher.key(user): user.id for user in matcher.caller.call(call)}
    except DamstraError as error:
        if not error.may_have_been_carried_out:
            raise
        found = matcher.find(batch)
        users = {key: user.id for key, user in found.items()}
        rest = tuple(row for row in batch if not _is_as_wanted(found.get(matcher.key(row)), row))
        log.warning("%s %d of %d users are not there yet.", error, len(rest), len(batch))
        if rest:
            answer = matcher.caller.call(call.model_copy(update={"users": rest}))
            users |= {matcher.key(user): user.id for user in answer}
    if any(matcher.key(row) not in users for row in batch):
        users |= {key: user.id for key, user in matcher.find(batch).items()}
    return users


def _told_apart(
    matcher: _Matcher,
    rows: Sequence[ImportedUser],
    *,
    to_send: Sequence[ImportedUser],
    before: dict[str, User],
    ids: dict[str, int],
) -> Upserted:
    keys = [matcher.key(row) for row in rows]
    sent = {matcher.key(row) for row in to_send}
    return Upserted(
        user_ids=[ids[key] for key in keys],
        created=[ids[key] for key in keys if key not in before],
        updated=[ids[key] for key in keys if key in before and key in sent],
        unchanged=[ids[key] for key in keys if key not in sent],
    )


def _with_roles(row: ImportedUser, user: User | None) -> ImportedUser:
    if user is None or row.roles is not None or not user.roles:
        return row
    unknown = [role for role in user.roles if role not in set(Role)]
    if unknown:
        raise DamstraConflictError(
            f"User {user.id} has a role that is not documented ({unknown[0]}), which an import would "
            "take away; nobody was imported. Name this user's roles in the row."
        )
    return row.model_copy(update={"roles": tuple(Role(role) for role in user.roles)})


def _is_as_wanted(user: User | None, row: ImportedUser) -> bool:
    if user is None:
        return False
    given = row.model_dump(exclude_none=True, exclude={"roles"})
    same_roles = row.roles is None or set(row.roles) == set(user.roles)
    return same_roles and all(getattr(user, name) == value for name, value in given.items())


def _so_far(start: int, size: int, total: int) -> str:
    return (
        f"Of {total} users to import {start} were imported before users {start + 1} to {start + size} "
        "failed; running it again does the rest."
    )
