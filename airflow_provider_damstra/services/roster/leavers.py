"""Users of the scope who are in no row: leavers, and those who are left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.services.roster.person import RosterPerson
from airflow_provider_damstra.services.roster.problems import Problem

if TYPE_CHECKING:
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.services.roster.account import Account
    from airflow_provider_damstra.services.roster.matching import Matches
    from airflow_provider_damstra.services.roster.plan import Change


@dataclass(kw_only=True)
class Leavers:
    """Users of the scope who are in no row.

    :param left: those who have left, active or not.
    :param unmatched: ids of active users who have no value by which they could be matched.
    :param protected: ids of active users who are never inactivated.
    """

    left: list[RosterPerson] = field(default_factory=list)
    unmatched: list[int] = field(default_factory=list)
    protected: list[int] = field(default_factory=list)

    def problems(self, match_by: str) -> list[Problem]:
        """Return the users who are left alone."""
        problems = []
        if self.unmatched:
            reason = f"in the scope without {match_by}"
            problems.append(Problem(kind="unmatched", reason=reason, user_ids=tuple(self.unmatched)))
        if self.protected:
            reason = "in no row, but protected: allow_inactivation_of can name them"
            problems.append(Problem(kind="protected", reason=reason, user_ids=tuple(self.protected)))
        return problems

    def changes(self, account: Account, left_ids: Collection[int]) -> Iterator[Change]:
        """Yield the inactivation of active leavers, and the removal of all from groups.

        :param left_ids: ids of the groups that leavers leave.
        """
        for person in self.left:
            if person.user is not None and person.user.is_active:
                yield person.change("inactivate")
            yield from person.removals(left_ids, account)


def find_leavers(
    account: Account, matches: Matches, *, match_by: str, is_protected: Callable[[User], bool]
) -> Leavers:
    """Return the users of the scope who are in no row.

    :param is_protected: whether a user is never inactivated.
    """
    leavers = Leavers()
    known = {user.id for user in matches.users.values()} | matches.left_alone_ids
    for user in account.users_in_scope:
        key = match_key(getattr(user, match_by))
        if user.id in known:
            continue
        if key and not is_protected(user):
            leavers.left.append(RosterPerson(user=user))
        elif user.is_active:
            (leavers.protected if key else leavers.unmatched).append(user.id)
    return leavers
