"""Comparison of an extract with the account: the changes that make users, groups and supervisors equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_damstra.services.roster.groups import (
    ExtractGroups,
    GroupRules,
    GroupTarget,
    find_groups,
)
from airflow_provider_damstra.services.roster.leavers import find_leavers
from airflow_provider_damstra.services.roster.matching import match_people
from airflow_provider_damstra.services.roster.person import RosterPerson
from airflow_provider_damstra.services.roster.plan import CHANGE_KINDS, Change, ChangeKind, RosterPlan
from airflow_provider_damstra.services.roster.supervisors import (
    find_supervisors_of_groups,
    supervisor_changes,
)
from airflow_provider_damstra.services.user_import.upsert import UserImport

if TYPE_CHECKING:
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.services.intent_log import RecordingClient
    from airflow_provider_damstra.services.roster.account import Account
    from airflow_provider_damstra.services.roster.leavers import Leavers
    from airflow_provider_damstra.services.roster.matching import Matches
    from airflow_provider_damstra.services.user_import.parsing import UserRow


@dataclass(frozen=True, kw_only=True)
class RosterRules:
    """How an extract is compared with the account.

    :param match_by: the field by which rows and users are matched.
    :param keep_roles: keep the roles of users whose row has none.
    :param group_column: the column that names a person's group, or None.
    :param manager_column: the column with the employee number of a person's manager, or None.
    :param is_protected: whether a user is never inactivated.
    """

    match_by: str
    keep_roles: bool
    group_column: str | None
    manager_column: str | None
    groups: GroupRules
    is_protected: Callable[[User], bool]

    @property
    def columns(self) -> list[str]:
        """Return the columns that contain no field of a user."""
        return [column for column in (self.group_column, self.manager_column) if column is not None]


def plan_roster(
    client: RecordingClient, rows: Sequence[UserRow], account: Account, rules: RosterRules
) -> RosterPlan:
    """Return what makes the account equal to an extract; no request is sent.

    :param client: sends the import that the plan contains.
    :raises DamstraConflictError: naming all groups that cannot be found.
    :raises ValueError: if no row has a group, or none a manager.
    """
    _validate_columns(rows, rules)
    matches = match_people(rows, account, match_by=rules.match_by, keep_roles=rules.keep_roles)
    groups = _find_groups(rows, account, rules)
    people = list(_people(matches, account, groups, rules))
    leavers = find_leavers(account, matches, match_by=rules.match_by, is_protected=rules.is_protected)
    user_import = UserImport(client, [row.user for row in matches.rows.values()], match_by=rules.match_by)
    user_import.compare(matches.users, keep_roles=rules.keep_roles)
    # They leave the scope, too: another extract may have them, and would be contradicted in every run.
    left_ids = groups.managed_ids.union(account.scope_group_ids)
    changes = [
        *_group_creations(people),
        *_user_changes(people, user_import),
        *(change for person in people for change in person.moves(groups.managed_ids, account)),
        *leavers.changes(account, left_ids),
    ]
    problems = [*matches.problems, *leavers.problems(rules.match_by)]
    if rules.manager_column is not None:
        supervisors = find_supervisors_of_groups(
            people,
            _other_users(account, people, leavers),
            manager_column=rules.manager_column,
            uncertain_group_ids=_uncertain_group_ids(matches, account, groups, rules),
        )
        changes += supervisor_changes(account, people, leavers.left, supervisors, left_ids=left_ids)
        problems += supervisors.problems()
    return RosterPlan(
        changes=sorted(changes, key=lambda change: CHANGE_KINDS.index(change.kind)),
        problems=problems,
        user_import=user_import,
        rows=matches.rows,
        active_in_scope=account.active_in_scope,
    )


def _validate_columns(rows: Sequence[UserRow], rules: RosterRules) -> None:
    for column in rules.columns:
        if rows and not any(column in row.extra for row in rows):
            raise ValueError(f"no row has a value in the column {column!r}; is the extract complete?")


def _find_groups(rows: Iterable[UserRow], account: Account, rules: RosterRules) -> ExtractGroups:
    if rules.group_column is None:
        return ExtractGroups()
    texts: dict[str, str] = {}
    for row in rows:
        if text := row.extra.get(rules.group_column):
            texts.setdefault(text, row.location)
    return find_groups(account, rules.groups, texts)


def _people(
    matches: Matches, account: Account, groups: ExtractGroups, rules: RosterRules
) -> Iterator[RosterPerson]:
    for key, row in matches.rows.items():
        user = matches.users.get(key)
        if rules.group_column is not None:
            targets = groups.of(row.extra.get(rules.group_column))
        else:
            targets = _groups_of_scope(user, account)
        yield RosterPerson(key=key, row=row, user=user, groups=targets)


def _groups_of_scope(user: User | None, account: Account) -> tuple[GroupTarget, ...]:
    """Return the user's groups in the scope, or its top group, which a new person joins."""
    own = account.groups_in_scope(user) if user is not None else []
    top = [account.groups[one] for one in account.scope_group_ids[:1]]
    return tuple(map(GroupTarget.of, own or top))


def _group_creations(people: Iterable[RosterPerson]) -> Iterator[Change]:
    new = {group for person in people for group in person.groups if group.group_id is None}
    for group in sorted(new, key=lambda group: group.key):
        yield Change(kind="create_group", group=group)


def _user_changes(people: Iterable[RosterPerson], user_import: UserImport) -> Iterator[Change]:
    fields = user_import.changed_fields()
    for person in people:
        if person.key is not None and person.key in fields:
            kind: ChangeKind = "create" if person.user is None else "update"
            yield person.change(kind, fields=fields[person.key])
        if person.user is not None and not person.user.is_active:
            yield person.change("reactivate")


def _other_users(account: Account, people: Iterable[RosterPerson], leavers: Leavers) -> list[User]:
    """Return the active users who stay and are in no row: they can be managers, too."""
    excluded = {person.user_id for person in (*people, *leavers.left)}
    return [user for user in account.users.values() if user.is_active and user.id not in excluded]


def _uncertain_group_ids(
    matches: Matches, account: Account, groups: ExtractGroups, rules: RosterRules
) -> set[int]:
    """Return the ids of the groups of people who are left alone: their managers are unknown."""
    present = {one for user_id in matches.left_alone_ids for one in account.users[user_id].groups}
    texts = [row.extra.get(rules.group_column or "") for row in matches.left_alone_rows]
    return present | {group.group_id for text in texts for group in groups.of(text) if group.group_id}
