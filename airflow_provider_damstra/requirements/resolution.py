"""Look up the lessons, groups and users that training rules name, and report all bad names together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_damstra.endpoints.group import ListGroups
from airflow_provider_damstra.endpoints.lesson import ListLessons
from airflow_provider_damstra.errors import DamstraNotFoundError
from airflow_provider_damstra.input_files.columns import nearest_name
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.requirements.status import Requirement
from airflow_provider_damstra.services.group import descendants
from airflow_provider_damstra.services.key_lookup import prefer_exact
from airflow_provider_damstra.services.lesson_lookup import LessonLookup, lesson_ids_of
from airflow_provider_damstra.services.user_lookup import UserLookup, get_users
from airflow_provider_damstra.text import join_first

if TYPE_CHECKING:
    from airflow_provider_damstra.clients.base import SupportsCalls
    from airflow_provider_damstra.models.group import Group
    from airflow_provider_damstra.models.lesson import Lesson
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.requirements.rules import Reference, TrainingRule, TrainingRules
    from airflow_provider_damstra.yaml_documents import Location, Positions


@dataclass(frozen=True, kw_only=True)
class ResolvedRule:
    """The requirements of a rule, and the people whom they are for.

    :param group_ids: the groups of the audience, with all groups below if the rule includes them.
    """

    requirements: tuple[Requirement, ...]
    group_ids: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    user_ids: frozenset[int] = frozenset()
    is_for_all: bool = False

    def applies_to(self, user: User) -> bool:
        """Return whether the rule is for a user."""
        return (
            self.is_for_all
            or user.id in self.user_ids
            or not self.group_ids.isdisjoint(user.groups)
            or not self.roles.isdisjoint(user.roles)
        )


class ResolvedRules:
    """Rules whose names are looked up.

    :ivar lesson_ids: ids of all lessons that a rule names.
    """

    def __init__(self, rules: Iterable[ResolvedRule]) -> None:
        self.rules = tuple(rules)
        self.lesson_ids = frozenset(one.lesson_id for rule in self.rules for one in rule.requirements)
        self._combinations: dict[tuple[bool, ...], tuple[Requirement, ...]] = {}

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Return the requirements of all rules, in their order."""
        return tuple(one for rule in self.rules for one in rule.requirements)

    def requirements_of(self, user: User) -> tuple[Requirement, ...]:
        """Return what a user has to meet, in the order of the rules: one object for equal results."""
        applies = tuple(rule.applies_to(user) for rule in self.rules)
        if applies not in self._combinations:
            self._combinations[applies] = tuple(
                one
                for rule, is_applied in zip(self.rules, applies, strict=True)
                if is_applied
                for one in rule.requirements
            )
        return self._combinations[applies]


def resolve_rules(client: SupportsCalls, rules: TrainingRules, positions: Positions) -> ResolvedRules:
    """Return rules with the ids of what they name.

    Calls ``listLessons``; ``listGroups`` if a rule names groups; ``listUsers`` and ``getUser`` if one names
    users.

    :raises DamstraNotFoundError: naming with their positions all lessons, groups and users that do not exist
        or are ambiguous, and lessons that two rules name differently for the same people.
    """
    resolver = _Resolver(client, rules, positions)
    resolved = [resolver.resolve(index) for index in range(len(rules.requirements))]
    resolver.find_repeated_lessons(resolved)
    if resolver.problems:
        raise DamstraNotFoundError(f"{positions.error(resolver.problems)}\nNothing was changed.")
    return ResolvedRules(rule for rule in resolved if rule is not None)


class _Resolver:
    """Look up what all rules name, with as few requests as possible, and resolve one rule after another."""

    def __init__(self, client: SupportsCalls, rules: TrainingRules, positions: Positions) -> None:
        self._rules = rules.requirements
        self._positions = positions
        self.problems: list[str] = []
        self._lessons = _Lessons(client, {one for rule in self._rules for one in rule.lessons})
        self._groups = _Groups(client, any(rule.groups for rule in self._rules))
        self._users = _Users(client, {one for rule in self._rules for one in rule.users or ()})

    def resolve(self, index: int) -> ResolvedRule | None:
        """Return a rule, or None after adding its problems."""
        rule = self._rules[index]
        count = len(self.problems)
        lesson_ids = self._ids(index, "lessons", rule.lessons, self._lessons.resolve)
        group_ids = self._ids(index, "groups", rule.groups or (), self._groups.resolve)
        user_ids = self._ids(index, "users", rule.users or (), self._users.resolve)
        if len(self.problems) > count:
            return None
        if rule.include_child_groups:
            group_ids = [*group_ids, *self._groups.descendants(group_ids)]
        return ResolvedRule(
            requirements=tuple(
                self._requirement(rule, lesson_id, ("requirements", index)) for lesson_id in lesson_ids
            ),
            group_ids=frozenset(group_ids),
            roles=frozenset(rule.roles or ()),
            user_ids=frozenset(user_ids),
            is_for_all=bool(rule.all),
        )

    def find_repeated_lessons(self, resolved: Iterable[ResolvedRule | None]) -> None:
        """Add the lessons that are named twice for the same audience, such as by id and by name."""
        seen: dict[object, Requirement] = {}
        for rule in filter(None, resolved):
            audience = (rule.group_ids, rule.roles, rule.user_ids, rule.is_for_all)
            for one in rule.requirements:
                other = seen.setdefault((one.lesson_id, audience), one)
                if other is not one:
                    self.problems.append(
                        f"{one.position}: {other.position} is about lesson {one.lesson_name!r} "
                        f"(id {one.lesson_id}) and the same people"
                    )

    def _ids(
        self,
        index: int,
        key: str,
        references: Iterable[Reference],
        resolve: Callable[[Reference], int | str],
    ) -> list[int]:
        ids = []
        for number, reference in enumerate(references):
            found = resolve(reference)
            if isinstance(found, int):
                ids.append(found)
            else:
                location: Location = ("requirements", index, key, number)
                self.problems.append(f"{self._positions.describe(location)}: {found}")
        return ids

    def _requirement(self, rule: TrainingRule, lesson_id: int, location: Location) -> Requirement:
        version = self._lessons.current_version(lesson_id)
        name = version.name or f"lesson {lesson_id}"
        return Requirement(
            rule=rule.name or ", ".join(map(str, rule.lessons)),
            position=self._positions.describe(location),
            lesson_id=lesson_id,
            lesson_name=name,
            lesson_version_id=version.lesson_version_id,
            can_be_scheduled=version.can_be_scheduled,
            valid_for=rule.valid_for,
            warn_before=rule.warn_before,
            grace_period=rule.scheduled_grace_period(),
            current_version_only=rule.versions == "current",
            require_passed=rule.require_passed,
        )


class _Lessons:
    """The lessons that rules name, with all their versions."""

    def __init__(self, client: SupportsCalls, references: Iterable[Reference]) -> None:
        names = [one for one in references if isinstance(one, str)]
        lookup = LessonLookup(client)
        candidates = lookup.candidates(names) if names else {}
        self._ids_by_key = {key: lesson_ids_of(rows) for key, rows in candidates.items()}
        self._nearest_name = lookup.nearest_name
        ids = {one for one in references if isinstance(one, int)}
        ids |= {lesson_id for ids in self._ids_by_key.values() for lesson_id in ids}
        self._versions: dict[int, list[Lesson]] = {}
        for row in client.iterate(ListLessons(lesson_ids=sorted(ids))) if ids else ():
            if row.lesson_id is not None:
                self._versions.setdefault(row.lesson_id, []).append(row)

    def resolve(self, reference: Reference) -> int | str:
        """Return the id of a lesson, or why there is none."""
        if isinstance(reference, int):
            return reference if reference in self._versions else f"there is no lesson {reference}"
        found = self._ids_by_key.get(match_key(reference), [])
        if len(found) == 1:
            return found[0]
        if found:
            return f"{len(found)} lessons are named {reference!r} ({_shown(found)}): give the id of one"
        near = self._nearest_name(reference)
        return f"no lesson is named {reference!r}" + (f"; did you mean {near!r}?" if near else "")

    def current_version(self, lesson_id: int) -> Lesson:
        """Return the newest version that can be scheduled, or else the newest."""
        return max(self._versions[lesson_id], key=lambda row: (row.can_be_scheduled, row.version or 0))


class _Groups:
    """All active groups, if a rule names one."""

    def __init__(self, client: SupportsCalls, is_needed: bool) -> None:
        rows = client.iterate(ListGroups()) if is_needed else ()
        self._groups: Mapping[int, Group] = {row.id: row for row in rows}

    def resolve(self, reference: Reference) -> int | str:
        """Return the id of a group, or why there is none."""
        if isinstance(reference, int):
            return reference if reference in self._groups else f"there is no active group {reference}"
        same = [group for group in self._groups.values() if match_key(group.name) == match_key(reference)]
        found = prefer_exact(same, "name", reference)
        if len(found) == 1:
            return found[0].id
        if found:
            ids = _shown([group.id for group in found])
            return f"{len(found)} groups are named {reference!r} ({ids}): give the id of one"
        near = nearest_name(reference, [group.name for group in self._groups.values() if group.name])
        return f"no active group is named {reference!r}" + (f"; did you mean {near!r}?" if near else "")

    def descendants(self, group_ids: Iterable[int]) -> list[int]:
        """Return the groups below some groups, at any depth."""
        groups = self._groups.values()
        return sorted({group.id for top_id in group_ids for group in descendants(groups, top_id)})


class _Users:
    """The users that rules name: by id, or by employee number or e-mail address as a text."""

    def __init__(self, client: SupportsCalls, references: Iterable[Reference]) -> None:
        texts = [one for one in references if isinstance(one, str)]
        self._ids_by_key: dict[str, list[int]] = {}
        for field in ("employee_number", "email_address"):
            values = [text for text in texts if ("@" in text) == (field == "email_address")]
            found = UserLookup(client, match_by=field).candidates(values) if values else {}
            self._ids_by_key |= {key: [user.id for user in users] for key, users in found.items()}
        ids = [one for one in references if isinstance(one, int)]
        self._existing = get_users(client, ids).keys()

    def resolve(self, reference: Reference) -> int | str:
        """Return the id of a user, or why there is none."""
        if isinstance(reference, int):
            number = "; an employee number is in quotes"
            return reference if reference in self._existing else f"there is no user {reference}{number}"
        found = self._ids_by_key.get(match_key(reference), [])
        if len(found) == 1:
            return found[0]
        field = "e-mail address" if "@" in reference else "employee number"
        if found:
            return f"{len(found)} users have the {field} {reference!r} ({_shown(found)}): give the id of one"
        return f"no user has the {field} {reference!r}"


def _shown(ids: Iterable[int]) -> str:
    return join_first([*map(str, ids)])
