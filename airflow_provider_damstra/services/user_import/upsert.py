"""Upsert of users: compare with Damstra, import new and changed users in batches, keep roles."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.endpoints.user import BulkUserImport, ImportedUser, MergeType
from airflow_provider_damstra.errors import DamstraConflictError, DamstraError
from airflow_provider_damstra.models.user import Role, User
from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.services.status import activate_users, was_activated
from airflow_provider_damstra.services.user_lookup import UserLookup

if TYPE_CHECKING:
    from airflow_provider_damstra.models.keys import MatchKey
    from airflow_provider_damstra.services.intent_log import RecordingClient
    from airflow_provider_damstra.task_state import TaskState

log = logging.getLogger(__name__)

MERGE_TYPES = {
    "employee_number": MergeType.EMPLOYEE_NUMBER,
    "email_address": MergeType.EMAIL,
    "user_name": MergeType.USER_NAME,
}
"""The merge type of the import for each field by which users are matched."""


@dataclass(frozen=True, kw_only=True)
class UpsertResult:
    """Users in the order of the rows, and what the task did to them, in this try or an earlier one.

    :param outcomes: for each user ``created``, ``updated`` or ``unchanged``.
    :param reactivated: ids of the users whom the task activated.
    :param inactive: ids of the users who are inactive still.
    """

    user_ids: list[int]
    outcomes: list[str]
    reactivated: list[int]
    inactive: list[int]

    def ids_by_name(self) -> dict[str, list[int]]:
        """Return the ids of the users of each outcome, and of those who were or are inactive."""
        pairs = list(zip(self.user_ids, self.outcomes, strict=True))
        ids = {
            name: [user_id for user_id, outcome in pairs if outcome == name]
            for name in ("created", "updated", "unchanged")
        }
        return {**ids, "reactivated": self.reactivated, "inactive": self.inactive}

    def lines(self) -> list[dict[str, Any]]:
        """Return a line of the result file for each user."""
        inactive = set(self.inactive)
        return [
            {"user_id": user_id, "outcome": outcome, "inactive": user_id in inactive}
            for user_id, outcome in zip(self.user_ids, self.outcomes, strict=True)
        ]


def upsert_users(
    client: RecordingClient,
    rows: Sequence[ImportedUser],
    *,
    task_state: TaskState,
    match_by: str,
    batch_size: int,
    keep_roles: bool,
    reactivate: bool,
) -> UpsertResult:
    """Create missing users, update those that differ, and activate those that are inactive.

    :param task_state: keeps which users are new or changed, for later tries.
    :param reactivate: activate inactive users, after the import: they return with their new roles.
    """
    user_import = UserImport(client, rows, match_by=match_by)
    user_import.look_up(keep_roles=keep_roles)
    # Stored before the import, for the next try.
    new = set(task_state.append("rows_of_new_users", user_import.new_digests()))
    changed = set(task_state.append("users_changed", user_import.differing_ids()))
    user_ids = user_import.send(batch_size=batch_size)
    inactive = user_import.inactive_ids()
    reactivated = {user_id for user_id in user_ids if was_activated(client, user_id)}
    if reactivate:
        activate_users(client, inactive)
        reactivated.update(inactive)
        inactive = []
    result = UpsertResult(
        user_ids=user_ids,
        outcomes=[
            "created" if row_digest(row) in new else "updated" if user_id in changed else "unchanged"
            for row, user_id in zip(rows, user_ids, strict=True)
        ],
        reactivated=[user_id for user_id in user_ids if user_id in reactivated],
        inactive=inactive,
    )
    log.info("Users: %s", ", ".join(f"{len(ids)} {name}" for name, ids in result.ids_by_name().items()))
    if inactive:
        log.warning("Users %s are inactive; reactivate=True activates them.", format_ids(inactive))
    return result


class UserImport:
    """Import of rows: the users that exist are looked up first, then what is missing or differs is sent.

    A user that exists is sent with the spelling of ``match_by`` in Damstra: the import may compare the exact
    text, and would create a second account for another spelling.

    :param rows: each has the field ``match_by``, no two the same.
    :param match_by: a key of ``MERGE_TYPES``: the field by which users are matched.
    """

    def __init__(self, client: RecordingClient, rows: Sequence[ImportedUser], *, match_by: str) -> None:
        self._client = client
        self._rows = rows
        self._match_by = match_by
        self._lookup = UserLookup(client, match_by=match_by)
        self._existing: dict[MatchKey, User] = {}
        self._to_send: list[ImportedUser] = []

    def look_up(self, *, keep_roles: bool) -> None:
        """Look up which users are missing or differ.

        :param keep_roles: send the present roles of a user whose row has none, because the import would reset
            them.
        :raises DamstraConflictError: if a row matches several users, or roles cannot be kept.
        """
        self.compare(self._lookup.find(self._values(self._rows)), keep_roles=keep_roles)

    def compare(self, existing: Mapping[MatchKey, User], *, keep_roles: bool) -> None:
        """Determine which of the users are missing or differ.

        :param existing: the users that exist, by key.
        :param keep_roles: as of ``look_up``.
        :raises DamstraConflictError: if roles cannot be kept.
        """
        self._existing = dict(existing)
        rows = [self._with_spelling_in_damstra(row) for row in self._rows]
        rows = [row for row in rows if not _is_up_to_date(self._existing.get(self._key(row)), row)]
        if keep_roles:
            rows = [_keep_roles(row, self._existing.get(self._key(row))) for row in rows]
        self._to_send = rows
        total, count = len(self._rows), len(rows)
        log.info("%d users: %d unchanged, %d to import", total, total - count, count)

    def new_digests(self) -> list[int]:
        """Return the digests of the rows whose users are missing."""
        return [row_digest(row) for row in self._to_send if self._key(row) not in self._existing]

    def differing_ids(self) -> list[int]:
        """Return the ids of the users that exist and differ."""
        keys = map(self._key, self._to_send)
        return [self._existing[key].id for key in keys if key in self._existing]

    def changed_fields(self) -> dict[MatchKey, dict[str, tuple[Any, Any]]]:
        """Return the present and the new values of each user to import, by key; None for a missing user's."""
        return {
            self._key(row): changed_fields(self._existing.get(self._key(row), User(id=0)), row)
            for row in self._to_send
        }

    def inactive_ids(self) -> list[int]:
        """Return the ids of the users that exist and are inactive."""
        return [user.id for user in self._existing.values() if not user.is_active]

    def send(self, *, batch_size: int) -> list[int]:
        """Create missing users, update those that differ, and return all ids in the order of the rows.

        :raises DamstraError: naming the batches that were imported before the one that failed.
        """
        ids = {key: user.id for key, user in self._existing.items()}
        requests = [
            BulkUserImport(users=tuple(batch), merge_type=MERGE_TYPES[self._match_by])
            for batch in _batches(self._to_send, batch_size)
        ]
        with self._client.intents.batch(requests):
            for number, request in enumerate(requests):
                try:
                    ids.update(self._send_batch(request))
                except DamstraError as error:
                    start, total = number * batch_size, len(self._to_send)
                    failed = f"users {start + 1} to {start + len(request.users)} failed"
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

    def _send_batch(self, request: BulkUserImport) -> dict[MatchKey, int]:
        """Import a batch and return ids by key; look the users up if the outcome is unknown (no response).

        A batch that was not imported then is not sent again immediately: a slow server may still be
        processing it. The next try of the task sends what is missing.
        """
        batch = request.users
        try:
            with self._client.record(request) as sender:
                ids = {self._key(user): user.id for user in sender.call(request)}
        except DamstraError as error:
            if not error.outcome_unknown:
                raise
            found = self._lookup.find(self._values(batch), consult_listing=False)
            if not all(_is_up_to_date(found.get(self._key(row)), row) for row in batch):
                raise
            ids = {key: user.id for key, user in found.items()}
        if any(self._key(row) not in ids for row in batch):
            ids |= {
                key: user.id
                for key, user in self._lookup.find(self._values(batch), consult_listing=False).items()
            }
        return ids

    def _with_spelling_in_damstra(self, row: ImportedUser) -> ImportedUser:
        user = self._existing.get(self._key(row))
        return row.model_copy(update={self._match_by: getattr(user, self._match_by)}) if user else row

    def _key(self, user: User | ImportedUser) -> MatchKey:
        return self._lookup.key(user)

    def _values(self, rows: Iterable[ImportedUser]) -> list[str]:
        """Return the values of ``match_by``, as they are in the rows."""
        return [getattr(row, self._match_by) for row in rows]


def _batches(rows: Sequence[ImportedUser], size: int) -> Iterator[Sequence[ImportedUser]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def row_digest(row: ImportedUser) -> int:
    """Return a digest, by which later tries of the task recognise a row; it shows no personal data."""
    return int.from_bytes(sha256(row.model_dump_json().encode()).digest()[:6])


def _keep_roles(row: ImportedUser, user: User | None) -> ImportedUser:
    if user is None or row.roles is not None or not user.roles:
        return row
    unknown = undocumented_roles(user)
    if unknown:
        raise DamstraConflictError(
            f"User {user.id} has a role that is not documented ({unknown[0]}), which an import would "
            "take away; no user was imported. Name this user's roles in the row."
        )
    return row.model_copy(update={"roles": tuple(Role(role) for role in user.roles)})


def undocumented_roles(user: User) -> list[int]:
    """Return the roles of a user that no request can contain."""
    return [role for role in user.roles if role not in set(Role)]


def _is_up_to_date(user: User | None, row: ImportedUser) -> bool:
    return user is not None and not changed_fields(user, row)


def changed_fields(user: User, row: ImportedUser) -> dict[str, tuple[Any, Any]]:
    """Return the present and the new value of each field of a user that a row changes."""
    given = row.model_dump(exclude_none=True, exclude={"roles"})
    present = {name: getattr(user, name) for name in given}
    changes = {name: (present[name], value) for name, value in given.items() if present[name] != value}
    if row.roles is not None and set(row.roles) != set(user.roles):
        changes["roles"] = (sorted(user.roles), sorted(row.roles))
    return changes
