"""One person: a row of the extract, the user that matches it, or both."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.services.roster.groups import GroupTarget
from airflow_provider_damstra.services.roster.plan import Change, ChangeKind

if TYPE_CHECKING:
    from airflow_provider_damstra.models.keys import MatchKey
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.services.roster.account import Account
    from airflow_provider_damstra.services.user_import.parsing import UserRow


@dataclass(frozen=True, kw_only=True)
class RosterPerson:
    """A person who is in the extract, in Damstra, or in both.

    :param key: the key of the row; None without a row.
    :param groups: the groups that the row names.
    """

    key: MatchKey | None = None
    row: UserRow | None = None
    user: User | None = None
    groups: tuple[GroupTarget, ...] = ()

    @property
    def user_id(self) -> int | None:
        """Return the id of the user, if there is one."""
        return None if self.user is None else self.user.id

    @property
    def identity(self) -> MatchKey | int | None:
        """Return what distinguishes the person from others."""
        return self.user_id if self.key is None else self.key

    @property
    def employee_number(self) -> str | None:
        """Return the employee number after the sync."""
        new = None if self.row is None else self.row.user.employee_number
        return new or (None if self.user is None else self.user.employee_number)

    @property
    def location(self) -> str:
        """Return the location of the row, or an empty string."""
        return "" if self.row is None else self.row.location

    @property
    def name(self) -> str:
        """Return the full name."""
        if self.user is not None:
            return self.user.full_name
        return "" if self.row is None else f"{self.row.user.first_name} {self.row.user.last_name}"

    def text(self, column: str) -> str:
        """Return the text of an extra column, or an empty string."""
        return "" if self.row is None else self.row.extra.get(column, "")

    def change(
        self,
        kind: ChangeKind,
        *,
        group: GroupTarget | None = None,
        fields: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> Change:
        """Return a change of this person."""
        return Change(
            kind=kind,
            key=self.key,
            user_id=self.user_id,
            name=self.name,
            location=self.location,
            group=group,
            fields=fields or {},
        )

    def removals(self, managed_ids: Collection[int], account: Account) -> Iterator[Change]:
        """Yield the removal from each managed group that is none of the person's groups."""
        kept = {group.group_id for group in self.groups}
        for group_id in self.user.groups if self.user else ():
            if group_id in managed_ids and group_id not in kept and group_id in account.groups:
                yield self.change("remove_from_group", group=GroupTarget.of(account.groups[group_id]))

    def moves(self, managed_ids: Collection[int], account: Account) -> Iterator[Change]:
        """Yield the changes of groups; none if the row names no group."""
        present = set(self.user.groups if self.user else ())
        for group in self.groups:
            if group.group_id not in present:
                yield self.change("add_to_group", group=group)
        if self.groups:
            yield from self.removals(managed_ids, account)
