"""Matching of the rows of an extract with the users of the account; who cannot be matched is left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.services.key_lookup import prefer_exact
from airflow_provider_damstra.services.roster.problems import Problem
from airflow_provider_damstra.services.user_import.upsert import changed_fields, undocumented_roles

if TYPE_CHECKING:
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.services.roster.account import Account
    from airflow_provider_damstra.services.user_import.parsing import UserRow

_IDENTIFYING_FIELDS = {"email_address": "e-mail address", "employee_number": "employee number"}


@dataclass(kw_only=True)
class Matches:
    """The people of an extract.

    :param rows: the row of each person, by key; without those who are left alone.
    :param users: the user of each person who exists, by key.
    :param left_alone_rows: rows of people who are left alone.
    :param left_alone_ids: ids of users who are left alone.
    """

    rows: dict[MatchKey, UserRow] = field(default_factory=dict)
    users: dict[MatchKey, User] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    left_alone_rows: list[UserRow] = field(default_factory=list)
    left_alone_ids: set[int] = field(default_factory=set)

    def leave_alone(self, key: MatchKey, rows: Sequence[UserRow], users: Iterable[User], reason: str) -> None:
        """Report a person, and exclude it from all changes."""
        ids = sorted(user.id for user in users)
        self.left_alone_rows += rows
        self.left_alone_ids.update(ids)
        self.rows.pop(key, None)
        self.users.pop(key, None)
        locations = tuple(row.location for row in rows)
        self.problems.append(Problem(kind="ambiguous", reason=reason, rows=locations, user_ids=tuple(ids)))


def match_people(rows: Iterable[UserRow], account: Account, *, match_by: str, keep_roles: bool) -> Matches:
    """Return which row is which user.

    Equal rows of a person are one. A person is left alone if rows differ, if several users match, or if the
    user of another person, or of none, has the row's user name, e-mail address or employee number.

    :param match_by: the field by which they are matched.
    :param keep_roles: whether roles that a row does not name have to be kept.
    """
    matches = Matches()
    by_key = account.users_by_key(match_by)
    for key, same in _rows_by_key(rows, match_by).items():
        users = by_key.get(key, [])
        if any((row.user, row.extra) != (same[0].user, same[0].extra) for row in same[1:]):
            matches.leave_alone(key, same, users, f"rows with the same {match_by} that differ")
            continue
        if same[1:]:
            locations = tuple(row.location for row in same)
            matches.problems.append(
                Problem(kind="duplicate", reason="equal rows of a person", rows=locations)
            )
        _match_user(matches, key, same[0], users, match_by=match_by)
    if match_by != "user_name":
        _leave_taken_user_names_alone(matches, account)
    for name in _IDENTIFYING_FIELDS:
        if name != match_by:
            _leave_known_people_alone(matches, account, name)
    if keep_roles:
        _leave_undocumented_roles_alone(matches)
    return matches


def _rows_by_key(rows: Iterable[UserRow], match_by: str) -> dict[MatchKey, list[UserRow]]:
    by_key: dict[MatchKey, list[UserRow]] = {}
    for row in rows:
        by_key.setdefault(match_key(getattr(row.user, match_by)), []).append(row)
    return by_key


def _match_user(matches: Matches, key: MatchKey, row: UserRow, users: list[User], *, match_by: str) -> None:
    exact = prefer_exact(users, match_by, getattr(row.user, match_by))
    if exact[1:]:
        matches.leave_alone(key, [row], users, f"several users with the same {match_by}")
        return
    matches.rows[key] = row
    if exact:
        matches.users[key] = exact[0]
        others = [user.id for user in users if user is not exact[0]]
        matches.left_alone_ids.update(others)
        if others:
            reason = f"the same {match_by} in another spelling as user {exact[0].id}"
            matches.problems.append(
                Problem(kind="duplicate", reason=reason, rows=(row.location,), user_ids=tuple(others))
            )


def _leave_taken_user_names_alone(matches: Matches, account: Account) -> None:
    """Exclude rows whose user name another user or row has: Damstra would reject their whole batch."""
    by_name = account.users_by_key("user_name")
    names = {key: match_key(row.user.user_name) for key, row in matches.rows.items()}
    counts = Counter(names.values())
    matched = {user.id for user in matches.users.values()}
    for key, name in names.items():
        if not name:
            continue
        user = matches.users.get(key)
        holders = [other for other in by_name.get(name, ()) if user is None or other.id != user.id]
        if holders or counts[name] > 1:
            unclaimed = [other for other in holders if other.id not in matched]
            own = [] if user is None else [user]
            reason = "the user name of another user or row"
            matches.leave_alone(key, [matches.rows[key]], [*own, *unclaimed], reason)


def _leave_known_people_alone(matches: Matches, account: Account, name: str) -> None:
    """Exclude new people with the e-mail address, or employee number, of one user who is in no other row.

    It can be the same person, whose value of ``match_by`` has changed. A value of several users or rows
    identifies none.
    """
    by_value = account.users_by_key(name)
    values = {key: match_key(getattr(row.user, name)) for key, row in matches.rows.items()}
    counts = Counter(values.values())
    matched = {user.id for user in matches.users.values()}
    for key, value in values.items():
        holders = by_value.get(value, []) if value and key not in matches.users else []
        if len(holders) == counts[value] == 1 and holders[0].id not in matched:
            reason = f"a new person with the {_IDENTIFYING_FIELDS[name]} of this user"
            matches.leave_alone(key, [matches.rows[key]], holders, reason)


def _leave_undocumented_roles_alone(matches: Matches) -> None:
    """Exclude people with a role that an import would take away."""
    for key, user in list(matches.users.items()):
        row = matches.rows[key].user
        if row.roles is None and undocumented_roles(user) and changed_fields(user, row):
            reason = "a role that is not documented, which an import would take away"
            matches.leave_alone(key, [matches.rows[key]], [user], reason)
