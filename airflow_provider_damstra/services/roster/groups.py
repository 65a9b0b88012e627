"""The groups that an extract names: look-up by name or id, and the groups that the sync manages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.input_files.columns import nearest_name
from airflow_provider_damstra.models.keys import MatchKey, match_key
from airflow_provider_damstra.services.group import descendants
from airflow_provider_damstra.services.key_lookup import prefer_exact
from airflow_provider_damstra.text import escape_unprintable, join_first

if TYPE_CHECKING:
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.services.roster.account import Account

_MAX_HINTS = 20
"""Errors with the most similar group: as many as ``join_first`` shows."""


@dataclass(frozen=True, kw_only=True)
class GroupTarget:
    """A group of the extract.

    :param group_id: its id, or None if it has to be created.
    """

    name: str
    parent_id: int | None
    group_id: int | None = None

    @classmethod
    def of(cls, group: Group) -> Self:
        """Return an existing group."""
        return cls(name=group.display_name, parent_id=group.parent_id, group_id=group.id)

    @property
    def key(self) -> tuple[str, int]:
        """Return what identifies the group, before and after it is created."""
        return match_key(self.name), self.parent_id or 0


@dataclass(frozen=True, kw_only=True)
class GroupRules:
    """How the texts of the column are groups.

    :param mapping: name or id of the group, a list of them, or None for no group, by text; other texts are
        names or ids themselves.
    :param parent_id: id of the group below which the groups are, or None for anywhere.
    :param create: create groups that do not exist.
    """

    mapping: Mapping[str, Any] = field(default_factory=dict)
    parent_id: int | None = None
    create: bool = False


@dataclass(frozen=True, kw_only=True)
class ExtractGroups:
    """The groups of an extract.

    :param by_text: the groups of each text of the column, by its key.
    :param managed_ids: ids of the groups from which people can be removed.
    """

    by_text: Mapping[MatchKey, tuple[GroupTarget, ...]] = field(default_factory=dict)
    managed_ids: frozenset[int] = frozenset()

    def of(self, text: str | None) -> tuple[GroupTarget, ...]:
        """Return the groups of a cell; none for an empty one, which changes nothing."""
        return self.by_text.get(match_key(text), ())


def find_groups(account: Account, rules: GroupRules, texts: Mapping[str, str]) -> ExtractGroups:
    """Return the groups that the texts of the column name, and those that the mapping names.

    :param texts: the first location of each text.
    :raises DamstraConflictError: naming every text that is no group, or several.
    :raises ValueError: if two texts of the mapping are equal.
    """
    lookup = _GroupSearch(account, rules)
    mapping = {match_key(text): _as_list(names) for text, names in rules.mapping.items()}
    if len(mapping) < len(rules.mapping):
        raise ValueError("group_mapping has two texts that differ in case or blanks only")
    problems: list[str] = []

    def find(names: Sequence[str], place: str) -> tuple[GroupTarget, ...]:
        targets = []
        for name in names:
            try:
                targets.append(lookup.find(name, with_hint=len(problems) < _MAX_HINTS))
            except ValueError as error:
                problems.append(f"{escape_unprintable(repr(name))} ({place}): {error}")
        return tuple(dict.fromkeys(targets))

    by_text = {key: find(names, "group_mapping") for key, names in mapping.items()}
    for text, location in texts.items():
        if match_key(text) not in by_text:
            by_text[match_key(text)] = find([text], location)
    if problems:
        shown = join_first(problems, separator="\n  ")
        raise DamstraConflictError(
            f"{len(problems)} groups of the extract cannot be found; nothing was changed. Correct them with "
            f"group_mapping, or create missing ones with create_groups=True:\n  {shown}"
        )
    named = {target.group_id for targets in by_text.values() for target in targets}
    below = lookup.below_parent if rules.parent_id is not None else ()
    return ExtractGroups(by_text=by_text, managed_ids=frozenset([*named, *below]) - {None})


class _GroupSearch:
    """Look-up of groups by name or id, among those below the parent or in the scope."""

    def __init__(self, account: Account, rules: GroupRules) -> None:
        self._account = account
        self._create = rules.create
        self._new: dict[str, GroupTarget] = {}
        self._parent_id = rules.parent_id or next(iter(account.scope_group_ids), None)
        if rules.parent_id is not None and rules.parent_id not in account.groups:
            raise DamstraConflictError(f"parent_group_id: there is no active group {rules.parent_id}.")
        self.below_parent: list[int] = []
        permitted = dict(account.groups)
        if account.scope_group_ids:
            permitted = {group_id: account.groups[group_id] for group_id in account.scope_group_ids}
        if rules.parent_id is not None:
            below = descendants(account.groups.values(), rules.parent_id)
            self.below_parent = [group.id for group in below if group.id in permitted]
            permitted = {group_id: permitted[group_id] for group_id in self.below_parent}
        self._permitted = permitted
        self._by_name = _by_name(permitted.values())
        self._by_name_anywhere = _by_name(account.groups.values())

    def find(self, text: str, *, with_hint: bool) -> GroupTarget:
        """Return the group of a name or id.

        :param with_hint: name the most similar group in the error, which takes milliseconds.
        :raises ValueError: if there is none, or several, and none is to be created.
        """
        found = prefer_exact(self._by_name.get(match_key(text), []), "name", text)
        if not found and text.isdecimal() and int(text) in self._permitted:
            found = [self._permitted[int(text)]]
        if len(found) == 1:
            return GroupTarget.of(found[0])
        if found:
            ids = ", ".join(str(group.id) for group in found)
            raise ValueError(f"groups {ids} have this name; give an id, or parent_group_id")
        if self._create and not text.isdecimal():
            new = GroupTarget(name=text, parent_id=self._parent_id)
            return self._new.setdefault(match_key(text), new)
        raise ValueError(self._describe_missing(text, with_hint=with_hint))

    def _describe_missing(self, text: str, *, with_hint: bool) -> str:
        if self._permitted.keys() != self._account.groups.keys():
            elsewhere = self._by_name_anywhere.get(match_key(text), [])
            if elsewhere:
                return f"group {elsewhere[0].id} is neither group {self._parent_id} nor below it"
        names = [group.name for group in self._permitted.values() if group.name]
        nearest = nearest_name(text, names) if with_hint else None
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        return f"there is no active group of this name{hint}"


def _by_name(groups: Iterable[Group]) -> dict[str, list[Group]]:
    by_name: dict[str, list[Group]] = {}
    for group in groups:
        by_name.setdefault(match_key(group.name), []).append(group)
    return by_name


def _as_list(names: Any) -> list[str]:
    if names is None:
        return []
    if isinstance(names, (str, int)) and not isinstance(names, bool):
        return [str(names).strip()]
    if isinstance(names, (list, tuple)):
        return [name for one in names for name in _as_list(one)]
    kind = type(names).__name__
    raise ValueError(f"group_mapping has a {kind}; its values are names or ids of groups, or lists of them")
