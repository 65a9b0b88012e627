"""Operator that makes users, groups and supervisors equal to an HR extract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack, cast

from airflow_provider_damstra.operators.base import FILE_XCOM_KEYS, DryRunMixin
from airflow_provider_damstra.operators.user_rows import USER_ROW_FIELDS, UserRowsMixin
from airflow_provider_damstra.validation import (
    parse_id,
    parse_ids,
    parse_mapping,
    parse_names,
    validate_booleans,
    validate_choice,
    validate_exactly_one,
    validate_number,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_damstra.arguments import Fields, Id, Ids, Text, Texts, UserRowsArguments
    from airflow_provider_damstra.services.roster.account import Account, Scope
    from airflow_provider_damstra.services.roster.differences import RosterRules

_OUTCOMES = ("created", "updated", "reactivated", "inactivated", "moved", "supervisors_changed")
_PROBLEMS = ("duplicate", "ambiguous", "unmatched", "protected", "unknown_manager")
_DIGEST_LENGTH = 64
_RENDERED_TO_A_VALUE = (
    "group_id",
    "filters",
    "group_column",
    "group_mapping",
    "parent_group_id",
    "manager_column",
    "protected_users",
    "plan_path",
    "plan_digest",
)
"""Arguments that mean something else if they are None: a wider scope, no protection, no approval."""


class DamstraSyncUsersOperator(UserRowsMixin, DryRunMixin):
    """Make users, and their groups and supervisors, equal to an HR extract: the truth for a scope.

    One plan is made from the extract and the account, and checked by guards before the first change. People
    of the extract are created, updated and reactivated; active users of the scope who are in no row are
    inactivated. With ``group_column`` people move between the groups that the extract names, and with
    ``manager_column`` the managers of a group's people become its supervisors. No user is removed from a
    group that the extract does not name, but those who have left are removed from the scope's groups. An
    empty cell changes nothing.

    Calls ``listUsers`` and ``listGroups`` once per page; then, for what differs, ``createGroup``,
    ``bulkUserImport`` in batches, ``activateUser`` and ``inactivateUser`` for each user, and
    ``addGroupMembers``, ``addGroupSupervisors``, ``removeGroupMembers`` and ``removeGroupSupervisors`` for
    each group. Users are added before others are removed. A retry makes the plan again and does what is left.

    A person whose row or user is uncertain is left alone and reported, and does not stop the others. The
    XComs ``duplicate``, ``ambiguous``, ``unmatched`` (in the scope without a value of ``match_by``),
    ``protected`` and ``unknown_manager`` have the ids of these users, the log and the plan file also the
    rows.

    Pushes the XComs ``created``, ``updated``, ``reactivated``, ``inactivated``, ``moved`` and
    ``supervisors_changed``: lists of user ids, of all tries of the task on Airflow 3.3. The last two contain
    no created and inactivated users. In a dry run ``created`` is empty, but counted in ``counts``.

    :param users: the rows, as mappings with the fields of a user by snake_case or API names (templated); or
    :param users_path: path or URL of a CSV, JSON lines or Parquet file, as of ``DamstraUpsertUsersOperator``
        (templated).
    :param scope: ``all``: the extract is about all users of the account; or
    :param group_id: id of the group about whose members it is (templated); or
    :param filters: arguments of ``listUsers`` that select the users it is about, such as ``{"role_id": 6}``
        (templated).
    :param include_child_groups: with ``group_id``, include the members of all groups below it.
    :param group_column: column with the name or id of a person's group (templated). Without it and with
        ``group_id`` people of the extract who are in none of its groups are added to the group itself.
    :param group_mapping: name or id of the group for texts of the column, such as ``{"Pit A": 102}``; a list
        for several groups, None for no change of groups (templated).
    :param parent_group_id: id of the group below which the groups of the column are (templated). All groups
        below it are managed: a person is also removed from those that no row names any more.
    :param create_groups: create groups that do not exist, below ``parent_group_id`` or ``group_id`` if given.
    :param manager_column: column with the employee number of a person's manager (templated); it needs
        ``group_column`` or ``group_id``.
    :param max_inactivations: fail, and change nothing, if more users would be inactivated: a number (1 or
        more, or 0), a share (below 1) of the active users in the scope, which allows one user in any case, or
        None. The default stops a truncated extract, but not the leavers of a day.
    :param max_creations: the same for users who would be created.
    :param protected_users: ids, employee numbers, e-mail addresses or user names of users who are never
        inactivated, such as that of the integration, which the API does not show (templated).
    :param allow_inactivation_of: user ids of owners and admins who may be inactivated (templated); others
        never are.
    :param on_ambiguous: ``skip`` people who are uncertain, and managers who are unknown, or ``fail`` before
        any change.
    :param dry_run: make the plan, and change nothing (templated).
    :param plan_path: path or URL, on any object storage, of a file to write the plan to as JSON lines, before
        anything is changed: changes with names and values, and problems (templated).
    :param plan_digest: digest of the only plan that may be carried out, such as the XCom ``plan_digest`` of a
        dry run that was approved (templated).
    :return: a dictionary of ``counts``, ``plan_digest``, and with ``plan_path`` the file's ``path``, ``rows``
        and ``sha256``; each is an XCom, too.
    :raises DamstraConflictError: if a guard stops the plan, a group is unknown or ambiguous, or the plan is
        not the approved one.
    """

    xcom_keys = ("counts", "plan_digest", *_OUTCOMES, *_PROBLEMS, *FILE_XCOM_KEYS)
    template_fields = (
        *USER_ROW_FIELDS,
        "group_id",
        "filters",
        "group_column",
        "group_mapping",
        "parent_group_id",
        "manager_column",
        "protected_users",
        "allow_inactivation_of",
        "is_dry_run",
        "plan_path",
        "plan_digest",
        "damstra_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"group_mapping": "json", "filters": "json"}

    def __init__(
        self,
        *,
        scope: Literal["all"] | None = None,
        group_id: Id | None = None,
        filters: Fields | None = None,
        include_child_groups: bool = False,
        group_column: Text | None = None,
        group_mapping: Fields | None = None,
        parent_group_id: Id | None = None,
        create_groups: bool = False,
        manager_column: Text | None = None,
        max_inactivations: float | None = 0.1,
        max_creations: float | None = None,
        protected_users: Texts | None = None,
        allow_inactivation_of: Ids | None = None,
        on_ambiguous: Literal["skip", "fail"] = "skip",
        dry_run: bool | Text = False,
        plan_path: Text | None = None,
        plan_digest: Text | None = None,
        **kwargs: Unpack[UserRowsArguments],
    ) -> None:
        super().__init__(dry_run=dry_run, **kwargs)
        validate_choice("scope", scope, "all", None)
        validate_exactly_one(scope=scope, group_id=group_id, filters=filters)
        validate_choice("on_ambiguous", on_ambiguous, "skip", "fail")
        validate_booleans(include_child_groups=include_child_groups, create_groups=create_groups)
        for name, limit in (("max_inactivations", max_inactivations), ("max_creations", max_creations)):
            if limit is not None:
                validate_number(name, limit, at_least=0)
        self.scope = scope
        self.group_id = group_id
        self.filters = filters
        self.include_child_groups = include_child_groups
        self.group_column = cast("str | None", group_column)
        self.group_mapping = group_mapping
        self.parent_group_id = parent_group_id
        self.create_groups = create_groups
        self.manager_column = cast("str | None", manager_column)
        self.max_inactivations = max_inactivations
        self.max_creations = max_creations
        self.protected_users = protected_users
        self.allow_inactivation_of = allow_inactivation_of
        self.on_ambiguous = on_ambiguous
        self.plan_path = cast("str | None", plan_path)
        self.plan_digest = plan_digest
        self._given = [name for name in _RENDERED_TO_A_VALUE if getattr(self, name) is not None]
        self._validate_combination()

    def _validate_combination(self) -> None:
        """Raise if an argument has no effect without another one."""
        groups = {
            "group_mapping": self.group_mapping is not None,
            "parent_group_id": self.parent_group_id is not None,
            "create_groups": self.create_groups,
        }
        without_column = [name for name, is_given in groups.items() if is_given and self.group_column is None]
        if without_column:
            raise ValueError(f"{without_column[0]} has no effect without group_column")
        if self.include_child_groups and self.group_id is None:
            raise ValueError("include_child_groups has no effect without group_id")
        if self.manager_column is not None and self.group_column is None and self.group_id is None:
            raise ValueError("manager_column needs group_column or group_id: managers supervise groups")
        if self.create_groups and self.group_id is not None and not self.include_child_groups:
            raise ValueError("create_groups needs include_child_groups: new groups are below group_id")

    def _execute(self, context: Context) -> Any:
        from airflow_provider_damstra.services.roster.account import read_account
        from airflow_provider_damstra.services.roster.apply import apply_plan
        from airflow_provider_damstra.services.roster.approval import start_plan, validate_approval
        from airflow_provider_damstra.services.roster.differences import plan_roster
        from airflow_provider_damstra.services.roster.guards import validate_limits
        from airflow_provider_damstra.services.roster.problems import ids_by_kind, report_problems

        self._validate_rendered()
        is_dry_run = self.parse_dry_run()
        approved = self._parse_plan_digest()
        self.validate_paths("plan_path")
        columns = [column for column in (self.group_column, self.manager_column) if column is not None]
        rows = self.read_rows(extra=columns, allow_duplicates=True)
        account = read_account(self.client, self._parse_scope(), reads_groups=self.group_column is not None)
        plan = plan_roster(self.client, rows, account, self._parse_rules(account))
        file = self._write_plan(plan.lines())
        plan.report()
        report_problems(plan.problems, on_ambiguous=self.on_ambiguous)
        validate_limits(plan, max_inactivations=self.max_inactivations, max_creations=self.max_creations)
        counts, digest, ids = plan.counts(), plan.digest, {"created": [], **plan.existing_ids()}
        if is_dry_run:
            validate_approval(plan, approved)
        else:
            started = start_plan(self.task_state, plan, approved_digest=approved)
            user_ids = apply_plan(self.client, plan, batch_size=self.batch_size)
            ids = started.ids_by_outcome(plan, user_ids)
            counts, digest = started.counts(plan, ids), started.digest
        self.push_xcoms(context, **ids, **ids_by_kind(plan.problems))
        return {"counts": counts, "plan_digest": digest, **file}

    def _validate_rendered(self) -> None:
        """Raise if an argument was given, but its template or XCom has no value."""
        missing = [name for name in self._given if getattr(self, name) is None]
        if missing:
            raise ValueError(
                f"{missing[0]} is None: did the task that returns it run before this one? Nothing was changed"
            )

    def _parse_plan_digest(self) -> str | None:
        """Return the digest of the approved plan, or None if no approval is needed."""
        if self.plan_digest is None:
            return None
        digest = str(self.plan_digest).strip()
        if len(digest) != _DIGEST_LENGTH:
            raise ValueError(
                f"plan_digest is {digest[:_DIGEST_LENGTH]!r}; it is the XCom plan_digest of a dry run. Did "
                "that task run before this one?"
            )
        return digest

    def _parse_scope(self) -> Scope:
        from airflow_provider_damstra.endpoints import ListUsers
        from airflow_provider_damstra.services.roster.account import Scope

        filters = None if self.filters is None else parse_mapping("filters", self.filters)
        if filters is not None and not _selects(filters):
            raise ValueError("filters selects all users; if that is right, set scope='all' instead")
        return Scope(
            group_id=cast("Any", self.group_id),
            include_child_groups=self.include_child_groups,
            filters=None if filters is None else ListUsers.model_validate(filters),
        )

    def _parse_rules(self, account: Account) -> RosterRules:
        from airflow_provider_damstra.services.roster.differences import RosterRules
        from airflow_provider_damstra.services.roster.groups import GroupRules
        from airflow_provider_damstra.services.roster.guards import protection

        parent, allowed = self.parent_group_id, self.allow_inactivation_of
        return RosterRules(
            match_by=self.match_by,
            keep_roles=self.keep_roles,
            group_column=self.group_column,
            manager_column=self.manager_column,
            groups=GroupRules(
                mapping=parse_mapping("group_mapping", self.group_mapping or {}),
                parent_id=None if parent is None else parse_id("parent_group_id", parent),
                create=self.create_groups,
            ),
            is_protected=protection(
                account.users.values(),
                protected=[str(name) for name in parse_names(self.protected_users or [])],
                allowed_ids=parse_ids("allow_inactivation_of", allowed) if allowed else (),
            ),
        )

    def _write_plan(self, lines: Any) -> dict[str, Any]:
        if self.plan_path is None:
            return {}
        rows = [json.dumps(line, ensure_ascii=False).encode() for line in lines]
        return self.write_json_lines([rows], self.plan_path)


def _selects(filters: Mapping[str, Any]) -> bool:
    """Return whether filters select some users only; a blank search finds all, active or not."""
    values = (value for name, value in filters.items() if name not in ("active_value", "activeValue"))
    return any(value is not None and str(value).strip() for value in values)
