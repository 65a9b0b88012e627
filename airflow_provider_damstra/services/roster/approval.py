"""Which plan a task carries out, in all its tries: the approved one, or what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.errors import DamstraConflictError
from airflow_provider_damstra.services.user_import.upsert import row_digest

if TYPE_CHECKING:
    from airflow_provider_damstra.models.keys import MatchKey
    from airflow_provider_damstra.services.roster.plan import RosterPlan
    from airflow_provider_damstra.task_state import TaskState

_STATE = "roster_plan"


@dataclass(frozen=True, kw_only=True)
class StartedPlan:
    """What the tries of a task carry out.

    :param digest: digest of the plan.
    :param existing_ids: ids of the existing users that it concerns, by outcome.
    :param new_digests: digests of the rows whose users are created.
    :param groups_created: number of groups that are created.
    """

    digest: str
    existing_ids: dict[str, list[int]]
    new_digests: list[int]
    groups_created: int

    def ids_by_outcome(self, plan: RosterPlan, user_ids: dict[MatchKey, int]) -> dict[str, list[int]]:
        """Return the ids of the users of each outcome.

        :param user_ids: ids of all people of the extract, by key.
        """
        new = set(self.new_digests)
        created = [user_ids[key] for key, row in plan.rows.items() if row_digest(row.user) in new]
        return {"created": created, **self.existing_ids}

    def counts(self, plan: RosterPlan, ids: dict[str, list[int]]) -> dict[str, int]:
        """Return the number of groups and users of each outcome, and of problems.

        :param ids: the ids of the users of each outcome.
        """
        outcomes = {name: len(found) for name, found in ids.items()}
        return {**plan.counts(), **outcomes, "groups_created": self.groups_created}


def start_plan(task_state: TaskState, plan: RosterPlan, *, approved_digest: str | None) -> StartedPlan:
    """Record a plan before its first change, or continue the one that an earlier try started.

    :param task_state: keeps the plan for later tries.
    :param approved_digest: digest of the plan that may be carried out; None for any plan.
    :raises DamstraConflictError: if the plan is neither the approved one nor what is left of it.
    """
    changes = [change.digest for change in plan.changes]
    stored: dict[str, Any] | None = task_state.get(_STATE)
    is_rest = stored is not None and set(changes) <= set(stored["changes"])
    if stored is not None and is_rest and approved_digest in (None, stored["digest"]):
        return _unpack(stored)
    validate_approval(plan, approved_digest)
    created = [row_digest(plan.rows[change.key].user) for change in plan.of_kind("create") if change.key]
    fresh = {
        "digest": plan.digest,
        "changes": changes,
        "existing_ids": plan.existing_ids(),
        "new_digests": created,
        "groups_created": len(plan.of_kind("create_group")),
    }
    merged = fresh if stored is None else _merge(stored, fresh)
    if changes:
        task_state.set(_STATE, merged)
    return _unpack(merged)


def validate_approval(plan: RosterPlan, approved_digest: str | None) -> None:
    """Raise if a plan is not the approved one, unless it changes nothing.

    :raises DamstraConflictError: if it is another one.
    """
    if plan.changes and approved_digest not in (None, plan.digest):
        raise DamstraConflictError(
            f"The plan has changed since it was approved: it is {plan.digest:.12} now, and plan_digest is "
            f"{approved_digest:.12}. The extract, users or groups are different; nothing was changed. Make a "
            "new plan and have it approved."
        )


def _merge(stored: dict[str, Any], fresh: dict[str, Any]) -> dict[str, Any]:
    """Return another plan of the same task, with what the earlier one concerned."""
    ids = {
        name: list(dict.fromkeys([*stored["existing_ids"].get(name, ()), *new]))
        for name, new in fresh["existing_ids"].items()
    }
    return {
        **fresh,
        "changes": [*stored["changes"], *fresh["changes"]],
        "existing_ids": ids,
        "new_digests": [*stored["new_digests"], *fresh["new_digests"]],
        "groups_created": stored["groups_created"] + fresh["groups_created"],
    }


def _unpack(state: dict[str, Any]) -> StartedPlan:
    return StartedPlan(**{name: value for name, value in state.items() if name != "changes"})
