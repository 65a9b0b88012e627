"""Users from outside: created or updated in batches, roles kept, and who was which."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.user import (
    ActiveValue,
    BulkUserImport,
    ImportedUser,
    ListUsers,
    MergeType,
)
from airflow_provider_damstra.errors import DamstraConflictError, DamstraError
from airflow_provider_damstra.models.user import Role, User
from airflow_provider_damstra.services.concurrency import map_concurrently

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_damstra.services.idempotency import SupportsCalls

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


class Matcher:
    """Recognises users by one member, as the import does."""

    def __init__(self, client: SupportsCalls, *, match_by: str) -> None:
        self.client = client
        self.match_by = match_by
        self.merge_type, self._search = MATCHES[match_by]

    def key(self, user: User | ImportedUser) -> str:
        """Return what a user is recognised by."""
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
            return list(self.client.iterate(ListUsers(active_value=ActiveValue.ALL)))
        found = map_concurrently(self._search_one, rows, description="users looked up")
        return [user for users in found for user in users]

    def _search_one(self, row: ImportedUser) -> list[User]:
        return list(self.client.iterate(self._search(str(getattr(row, self.match_by)))))


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """What an import has to do.

    :param rows: all rows.
    :param before: the users that are there, by key.
    :param to_send: the rows of users who are missing or differ.
    """

    matcher: Matcher
    rows: Sequence[ImportedUser]
    before: dict[str, User]
    to_send: list[ImportedUser]

    @property
    def present_ids(self) -> list[int]:
        """Return the ids of the users that are there."""
        return sorted(user.id for user in self.before.values())

    @property
    def differing_ids(self) -> list[int]:
        """Return the ids of the users that are there and differ."""
        keys = (self.matcher.key(row) for row in self.to_send)
        return [self.before[key].id for key in keys if key in self.before]


def plan_import(
    client: SupportsCalls, rows: Sequence[ImportedUser], *, match_by: str, keep_roles: bool
) -> ImportPlan:
    """Return which rows are of users who are missing or differ.

    :param match_by: a name in ``MATCHES``; every row has it.
    :param keep_roles: send the present roles of a user whose row names none: the import would reset them.
    """
    matcher = Matcher(client, match_by=match_by)
    before = matcher.find(rows)
    wanted = [_with_roles(row, before.get(matcher.key(row))) if keep_roles else row for row in rows]
    to_send = [row for row in wanted if not _is_as_wanted(before.get(matcher.key(row)), row)]
    log.info(
        "%d users: %d as wanted already, %d to import", len(rows), len(rows) - len(to_send), len(to_send)
    )
    return ImportPlan(matcher=matcher, rows=rows, before=before, to_send=to_send)


def carry_out(plan: ImportPlan, *, batch_size: int) -> list[int]:
    """Create who is missing and update who differs, and return all users' ids in the order of the rows.

    :raises DamstraError: naming the batches that were imported before the one that failed.
    """
    matcher = plan.matcher
    ids = {key: user.id for key, user in plan.before.items()}
    for start in range(0, len(plan.to_send), batch_size):
        batch = plan.to_send[start : start + batch_size]
        try:
            ids.update(_import(matcher, batch))
        except DamstraError as error:
            error.args = (f"{_so_far(start, len(batch), len(plan.to_send))} {error}",)
            raise
    return [ids[matcher.key(row)] for row in plan.rows]


def _import(matcher: Matcher, batch: Sequence[ImportedUser]) -> dict[str, int]:
    """Import one batch and return ids by key; if the answer is lost, look whether it was done."""
    call = BulkUserImport(users=tuple(batch), merge_type=matcher.merge_type)
    try:
        users = {matcher.key(user): user.id for user in matcher.client.call(call)}
    except DamstraError as error:
        if not error.outcome_unknown:
            raise
        found = matcher.find(batch)
        missing = sum(not _is_as_wanted(found.get(matcher.key(row)), row) for row in batch)
        if missing:
            # Not sent again at once: a slow server may still be at it. A later try finds out what is missing.
            raise
        users = {key: user.id for key, user in found.items()}
    if any(matcher.key(row) not in users for row in batch):
        users |= {key: user.id for key, user in matcher.find(batch).items()}
    return users


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
