"""Upsert of users: compare with Damstra, import new and changed users in batches, keep roles."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
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


class UserImport:
    """Import of rows: the users that exist are looked up first, then what is missing or differs is sent.

    :param rows: each has the field ``match_by``, no two the same.
    :param match_by: a key of ``MATCH_KEYS``: the field by which users are matched, as the import does it.
    """

    def __init__(self, client: RecordingClient, rows: Sequence[ImportedUser], *, match_by: str) -> None:
        self._client = client
        self._rows = rows
        self._match_by = match_by
        self._merge_type, self._search = MATCH_KEYS[match_by]
        self._existing: dict[str, User] = {}
        self._to_send: list[ImportedUser] = []

    def look_up(self, *, keep_roles: bool) -> None:
        """Look up which users are missing or differ.

        :param keep_roles: send the present roles of a user whose row has none, because the import would reset
            them.
        :raises DamstraConflictError: if a row matches several users, or roles cannot be kept.
        """
        rows, self._existing = self._rows, self._find(self._rows)
        if keep_roles:
            rows = [_keep_roles(row, self._existing.get(self._key(row))) for row in rows]
        self._to_send = [row for row in rows if not _is_up_to_date(self._existing.get(self._key(row)), row)]
        total, count = len(rows), len(self._to_send)
        log.info("%d users: %d unchanged, %d to import", total, total - count, count)

    def new_digests(self) -> list[int]:
        """Return the digests of the rows whose users are missing."""
        return [row_digest(row) for row in self._to_send if self._key(row) not in self._existing]

    def differing_ids(self) -> list[int]:
        """Return the ids of the users that exist and differ."""
        keys = map(self._key, self._to_send)
        return [self._existing[key].id for key in keys if key in self._existing]

    def send(self, *, batch_size: int) -> list[int]:
        """Create missing users, update those that differ, and return all ids in the order of the rows.

        :raises DamstraError: naming the batches that were imported before the one that failed.
        """
        total = len(self._to_send)
        ids = {key: user.id for key, user in self._existing.items()}
        for start in range(0, total, batch_size):
            batch = self._to_send[start : start + batch_size]
            try:
                ids.update(self._send_batch(batch))
            except DamstraError as error:
                failed = f"users {start + 1} to {start + len(batch)} failed"
                progress = f"Of {total} users to import {start} were imported before {failed}"
                error.args = (f"{progress}; running it again does the rest. {error}",)
                raise
        lost = sum(self._key(row) not in ids for row in self._rows)
        if lost:
            raise DamstraConflictError(
                f"{lost} of {len(self._rows)} users were imported, but none with their {self._match_by} can "
                "be found: check in Damstra what was stored instead."
            )
        return [ids[self._key(row)] for row in self._rows]

    def _send_batch(self, batch: Sequence[ImportedUser]) -> dict[str, int]:
        """Import a batch and return ids by key; look the users up if the outcome is unknown (no response).

        A batch that was not imported then is not sent again immediately: a slow server may still be
        processing it. The next try of the task sends what is missing.
        """
        request = BulkUserImport(users=tuple(batch), merge_type=self._merge_type)
        try:
            with self._client.record(request) as sender:
                ids = {self._key(user): user.id for user in sender.call(request)}
        except DamstraError as error:
            if not error.outcome_unknown:
                raise
            found = self._find(batch)
            if not all(_is_up_to_date(found.get(self._key(row)), row) for row in batch):
                raise
            ids = {key: user.id for key, user in found.items()}
        if any(self._key(row) not in ids for row in batch):
            ids |= {key: user.id for key, user in self._find(batch).items()}
        return ids

    def _key(self, user: User | ImportedUser) -> str:
        """Return the value that identifies a user."""
        return str(getattr(user, self._match_by) or "").casefold()

    def _find(self, rows: Sequence[ImportedUser]) -> dict[str, User]:
        """Return the users that exist, by key.

        :raises DamstraConflictError: if a row matches several users.
        """
        keys = set(map(self._key, rows))
        found: dict[str, User] = {}
        for user in self._find_candidates(rows):
            key = self._key(user)
            if key in keys and found.setdefault(key, user).id != user.id:
                raise DamstraConflictError(
                    f"Users {found[key].id} and {user.id} have the same {self._match_by}, so it is unknown "
                    "which is meant; no user was imported. Correct one of them in Damstra."
                )
        return found

    def _find_candidates(self, rows: Sequence[ImportedUser]) -> list[User]:
        if len(rows) > _MAX_SEARCHES:
            return list(self._client.iterate(ListUsers(active_value=ActiveValue.ALL)))
        found = map_concurrently(self._search_row, rows, description="users looked up")
        return [user for users in found for user in users]

    def _search_row(self, row: ImportedUser) -> list[User]:
        return list(self._client.iterate(self._search(str(getattr(row, self._match_by)))))


def row_digest(row: ImportedUser) -> int:
    """Return a digest, by which later tries of the task recognise a row; it shows no personal data."""
    return int.from_bytes(sha256(row.model_dump_json().encode()).digest()[:6])


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
