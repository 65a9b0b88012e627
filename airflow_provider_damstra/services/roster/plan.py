"""The plan of a sync: its changes in the order in which they are sent, and a digest for its approval."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow_provider_damstra.services.idempotency import format_ids
from airflow_provider_damstra.services.roster.problems import Problem, count_by_kind

if TYPE_CHECKING:
    from airflow_provider_damstra.models.keys import MatchKey
    from airflow_provider_damstra.services.roster.groups import GroupTarget
    from airflow_provider_damstra.services.user_import.parsing import UserRow
    from airflow_provider_damstra.services.user_import.upsert import UserImport

ChangeKind = Literal[
    "create_group",
    "create",
    "update",
    "reactivate",
    "add_to_group",
    "add_supervisor",
    "inactivate",
    "remove_from_group",
    "remove_supervisor",
]
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
"""The kinds of changes in the order in which they are carried out: people are added before others leave."""

_GROUP_KINDS: tuple[ChangeKind, ...] = ("add_to_group", "remove_from_group")
_SUPERVISOR_KINDS: tuple[ChangeKind, ...] = ("add_supervisor", "remove_supervisor")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a user or a group.

    :param key: the key of the person's row; None without a row.
    :param user_id: id of the user; None if it is to be created.
    :param name: full name of the person, for the plan file.
    :param location: location of the row.
    :param group: the group that the user joins or leaves, or that is created.
    :param fields: the present and the new value of each field that is set.
    """

    kind: ChangeKind
    key: MatchKey | None = None
    user_id: int | None = None
    name: str = ""
    location: str = ""
    group: GroupTarget | None = None
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def digest(self) -> int:
        """Return a digest, the same before and after the user or the group was created."""
        person = self.user_id if self.key is None else self.key
        new = {name: value for name, (_, value) in sorted(self.fields.items())}
        identity = [self.kind, person, None if self.group is None else self.group.key, new]
        return int.from_bytes(sha256(json.dumps(identity).encode()).digest()[:6])

    def line(self) -> dict[str, Any]:
        """Return the change's line of the plan file."""
        group = self.group
        values = {
            "user_id": self.user_id,
            "row": self.location,
            "name": self.name,
            "group_id": group and group.group_id,
            "group": group and group.name,
            "fields": {name: {"from": old, "to": new} for name, (old, new) in self.fields.items()},
        }
        return {"change": self.kind, **{name: value for name, value in values.items() if value}}


@dataclass(frozen=True, kw_only=True)
class RosterPlan:
    """What makes the users, groups and supervisors equal to an extract.

    :param changes: in the order in which they are carried out.
    :param problems: people who are left alone.
    :param user_import: creates and updates the users.
    :param rows: the rows of the people who are not left alone, by key, in the order of ``user_import``.
    :param active_in_scope: number of active users in the scope.
    """

    changes: list[Change]
    problems: list[Problem]
    user_import: UserImport
    rows: Mapping[MatchKey, UserRow]
    active_in_scope: int

    @property
    def digest(self) -> str:
        """Return a hash of all changes, by which an approval names the plan."""
        digests = sorted(change.digest for change in self.changes)
        return sha256(json.dumps(digests).encode()).hexdigest()

    def of_kind(self, *kinds: ChangeKind) -> list[Change]:
        """Return the changes of some kinds."""
        return [change for change in self.changes if change.kind in kinds]

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the plan file: the changes, then the problems."""
        yield from (change.line() for change in self.changes)
        yield from (problem.line() for problem in self.problems)

    def existing_ids(self) -> dict[str, list[int]]:
        """Return the ids of the existing users that the plan concerns, by outcome."""
        inactivated = _ids(self.of_kind("inactivate"))
        leavers = set(inactivated)
        return {
            "updated": _ids(self.of_kind("update")),
            "reactivated": _ids(self.of_kind("reactivate")),
            "inactivated": inactivated,
            "moved": [one for one in _ids(self.of_kind(*_GROUP_KINDS)) if one not in leavers],
            "supervisors_changed": [
                one for one in _ids(self.of_kind(*_SUPERVISOR_KINDS)) if one not in leavers
            ],
        }

    def counts(self) -> dict[str, int]:
        """Return the number of groups and users of each outcome, and of problems."""
        new = {"groups_created": len(self.of_kind("create_group")), "created": len(self.of_kind("create"))}
        existing = {name: len(ids) for name, ids in self.existing_ids().items()}
        return {**new, **existing, **count_by_kind(self.problems)}

    def report(self) -> None:
        """Log the number of changes and the users of each kind."""
        counts = ", ".join(f"{count} {name}" for name, count in self.counts().items() if count)
        people = (len(self.rows), self.active_in_scope, self.digest, counts or "no change")
        log.info("%d people, %d active users in the scope, plan %.12s: %s", *people)
        for name, ids in self.existing_ids().items():
            if ids:
                log.info("Users %s: %s", name, format_ids(ids))


def _ids(changes: list[Change]) -> list[int]:
    """Return the ids of users that exist, each once."""
    return list(dict.fromkeys(change.user_id for change in changes if change.user_id is not None))
