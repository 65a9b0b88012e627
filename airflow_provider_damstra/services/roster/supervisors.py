"""Supervisors of the groups of an extract: the managers of the people in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.services.roster.groups import GroupTarget
from airflow_provider_damstra.services.roster.person import RosterPerson
from airflow_provider_damstra.services.roster.problems import Problem

if TYPE_CHECKING:
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.services.roster.account import Account
    from airflow_provider_damstra.services.roster.plan import Change


@dataclass(kw_only=True)
class Supervisors:
    """The supervisors that the groups of an extract are to have.

    :param wanted: the managers of each group's people, by key or user id.
    :param uncertain_group_ids: ids of groups of which a manager is unknown: their supervisors stay.
    :param unknown: locations of the rows of each manager who is unknown.
    """

    wanted: dict[GroupTarget, dict[MatchKey | int | None, RosterPerson]] = field(default_factory=dict)
    uncertain_group_ids: set[int | None] = field(default_factory=set)
    unknown: dict[MatchKey, list[str]] = field(default_factory=dict)

    def problems(self) -> list[Problem]:
        """Return the managers who are unknown."""
        reason = "no, or no single, active user has the employee number of the manager"
        return [
            Problem(kind="unknown_manager", reason=reason, rows=tuple(locations))
            for locations in self.unknown.values()
        ]


def find_supervisors_of_groups(
    people: Iterable[RosterPerson],
    others: Iterable[User],
    *,
    manager_column: str,
    uncertain_group_ids: Iterable[int],
) -> Supervisors:
    """Return the managers of the people of each group.

    :param people: the people of the extract.
    :param others: the other users who can be managers.
    :param manager_column: the column with the manager's employee number.
    :param uncertain_group_ids: ids of groups of people who are left alone.
    """
    found = Supervisors(uncertain_group_ids=set(uncertain_group_ids))
    managers = _by_employee_number([*people, *(RosterPerson(user=user) for user in others)])
    for person in people:
        number = match_key(person.text(manager_column))
        if not number:
            continue
        if len(candidates := managers.get(number, [])) != 1:
            found.unknown.setdefault(number, []).append(person.location)
            found.uncertain_group_ids.update(group.group_id for group in person.groups)
            continue
        for group in person.groups:
            found.wanted.setdefault(group, {})[candidates[0].identity] = candidates[0]
    return found


def _by_employee_number(people: Iterable[RosterPerson]) -> dict[MatchKey, list[RosterPerson]]:
    by_number: dict[MatchKey, list[RosterPerson]] = {}
    for person in people:
        if number := match_key(person.employee_number):
            by_number.setdefault(number, []).append(person)
    return by_number


def supervisor_changes(
    account: Account,
    people: Iterable[RosterPerson],
    leavers: Iterable[RosterPerson],
    supervisors: Supervisors,
    *,
    left_ids: Iterable[int],
) -> Iterator[Change]:
    """Yield the changes that make the managers the supervisors of the groups.

    Only people of the extract and leavers are removed. A group without a known manager keeps its supervisors.

    :param leavers: the people who are in no row any more.
    :param left_ids: ids of the groups that leavers do not supervise any more, besides those of the people.
    """
    by_user = {person.user_id: person for person in people if person.user is not None}
    present: dict[int, list[User]] = {}
    for user in account.users.values():
        for group_id in user.groups_supervised:
            present.setdefault(group_id, []).append(user)
    for group, managers in supervisors.wanted.items():
        present_ids = {user.id for user in present.get(group.group_id or 0, ())}
        wanted_ids = {manager.user_id for manager in managers.values()}
        for manager in managers.values():
            if manager.user_id not in present_ids:
                yield manager.change("add_supervisor", group=group)
        if group.group_id not in supervisors.uncertain_group_ids:
            for user_id in sorted((present_ids - wanted_ids) & by_user.keys()):
                yield by_user[user_id].change("remove_supervisor", group=group)
    managed = {group.group_id for group in supervisors.wanted}.union(left_ids) & account.groups.keys()
    for leaver in leavers:
        for group_id in leaver.user.groups_supervised if leaver.user else ():
            if group_id in managed:
                group = GroupTarget.of(account.groups[group_id])
                yield leaver.change("remove_supervisor", group=group)
