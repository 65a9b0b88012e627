"""Upsert of users: compare with Damstra, import new and changed users in batches, keep roles."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from hashlib import sha256
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

    from airflow_provider_damstra.services.intent_log import RecordingClient

log = logging.getLogger(__name__)

MATCH_KEYS: dict[str, tuple[MergeType, Callable[[str], ListUsers]]] = {
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
"""Fields that identify a user, each with the merge type of the import and the search for one value."""

_MAX_SEARCHES = 200
"""Users that are searched one by one; for more, the whole listing is read."""


class UserMatcher:
    """Match rows with users by one field, as the import does.

    :param match_by: a key of ``MATCH_KEYS``.
    """

    def __init__(self, client: RecordingClient, *, match_by: str) -> None:
        self.client = client
        self.match_by = match_by
        self.merge_type, self._search = MATCH_KEYS[match_by]

    def key(self, user: User | ImportedUser) -> str:
        """Return the value that identifies a user."""
        return str(getattr(user, self.match_by) or "").casefold()

    def find(self, rows: Sequence[ImportedUser]) -> dict[str, User]:
        """Return the users that exist, by key.

        :raises DamstraConflictError: if a row matches several users.
        """
        keys = {self.key(row) for row in rows}
        found: dict[str, User] = {}
        for user in self._find_candidates(rows):
            key = self.key(user)
            if key in keys and found.setdefault(key, user).id != user.id:
                raise DamstraConflictError(
                    f"Users {found[key].id} and {user.id} have the same {self.match_by}, so it is unknown "
                    "which is meant; no user was imported. Correct one of them in Damstra."
                )
        return found

    def _find_candidates(self, rows: Sequence[ImportedUser]) -> list[User]:
        if len(rows) > _MAX_SEARCHES:
            return list(self.client.iterate(ListUsers(active_value=ActiveValue.ALL)))
        found = map_concurrently(self._search_row, rows, description="users looked up")
        return [user for users in found for user in users]

    def _search_row(self, row: ImportedUser) -> list[User]:
        return list(self.client.iterate(self._search(str(getattr(row, self.match_by)))))


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """The changes that an import makes.

    :param rows: all rows.
    :param existing: the users that exist, by key.
    :param to_send: the rows of users that are missing or differ.
    """

    matcher: UserMatcher
    rows: Sequence[ImportedUser]
    existing: dict[str, User]
    to_send: list[ImportedUser]

    @property
    def new_digests(self) -> list[int]:
        """Return the digests of the rows whose users are missing."""
        return [row_digest(row) for row in self.to_send if self.matcher.key(row) not in self.existing]

    @property
    def differing_ids(self) -> list[int]:
        """Return the ids of the users that exist and differ."""
        keys = (self.matcher.key(row) for row in self.to_send)
        return [self.existing[key].id for key in keys if key in self.existing]


def row_digest(row: ImportedUser) -> int:
    """Return a digest, which tells later tries of the task about a row without showing personal data."""
    return int.from_bytes(sha256(row.model_dump_json().encode()).digest()[:6])


def plan_import(
    client: RecordingClient, rows: Sequence[ImportedUser], *, match_by: str, keep_roles: bool
) -> ImportPlan:
    """Return the rows of users that are missing or differ.

    :param match_by: a key of ``MATCH_KEYS``; each row has the field.
    :param keep_roles: send the present roles of a user whose row has none, because the import would reset
        them.
    """
    matcher = UserMatcher(client, match_by=match_by)
    existing = matcher.find(rows)
    wanted = [_keep_roles(row, existing.get(matcher.key(row))) if keep_roles else row for row in rows]
    to_send = [row for row in wanted if not _is_up_to_date(existing.get(matcher.key(row)), row)]
    log.info(
        "%d users: %d as wanted already, %d to import", len(rows), len(rows) - len(to_send), len(to_send)
    )
    return ImportPlan(matcher=matcher, rows=rows, existing=existing, to_send=to_send)


def apply_import(plan: ImportPlan, *, batch_size: int) -> list[int]:
    """Create missing users and update those that differ, and return all users' ids in the order of the rows.

    :raises DamstraError: naming the batches that were imported before the one that failed.
    """
    matcher, total = plan.matcher, len(plan.to_send)
    ids = {key: user.id for key, user in plan.existing.items()}
    for start in range(0, total, batch_size):
        batch = plan.to_send[start : start + batch_size]
        try:
            ids.update(_import_batch(matcher, batch))
        except DamstraError as error:
            failed = f"users {start + 1} to {start + len(batch)} failed"
            progress = f"Of {total} users to import {start} were imported before {failed}"
            error.args = (f"{progress}; running it again does the rest. {error}",)
            raise
    lost = sum(matcher.key(row) not in ids for row in plan.rows)
    if lost:
        raise DamstraConflictError(
            f"{lost} of {len(plan.rows)} users were imported, but none with their {matcher.match_by} can be "
            "found: look in Damstra what was stored instead."
        )
    return [ids[matcher.key(row)] for row in plan.rows]


def _import_batch(matcher: UserMatcher, batch: Sequence[ImportedUser]) -> dict[str, int]:
    """Import a batch and return ids by key; look the users up if the outcome is unknown (no response).

    A batch that was not imported then is not sent again immediately: a slow server may still be processing
    it. The next try of the task sends what is missing.
    """
    request = BulkUserImport(users=tuple(batch), merge_type=matcher.merge_type)
    try:
        with matcher.client.record(request) as sender:
            ids = {matcher.key(user): user.id for user in sender.call(request)}
    except DamstraError as error:
        if not error.outcome_unknown:
            raise
        found = matcher.find(batch)
        if not all(_is_up_to_date(found.get(matcher.key(row)), row) for row in batch):
            raise
        ids = {key: user.id for key, user in found.items()}
    if any(matcher.key(row) not in ids for row in batch):
        ids |= {key: user.id for key, user in matcher.find(batch).items()}
    return ids


def _keep_roles(row: ImportedUser, user: User | None) -> ImportedUser:
    if user is None or row.roles is not None or not user.roles:
        return row
    unknown = [role for role in user.roles if role not in set(Role)]
    if unknown:
        raise DamstraConflictError(
            f"User {user.id} has a role that is not documented ({unknown[0]}), which an import would "
            "take away; no user was imported. Name this user's roles in the row."
        )
    return row.model_copy(update={"roles": tuple(Role(role) for role in user.roles)})


def _is_up_to_date(user: User | None, row: ImportedUser) -> bool:
    if user is None:
        return False
    given = row.model_dump(exclude_none=True, exclude={"roles"})
    same_roles = row.roles is None or set(row.roles) == set(user.roles)
    return same_roles and all(getattr(user, name) == value for name, value in given.items())
