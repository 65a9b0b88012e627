"""Guards of a sync: limits before any change, and users who are never inactivated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from airflow_provider_damstra.errors import DamstraConflictError, DamstraNotFoundError
from airflow_provider_damstra.models.keys import match_key
from airflow_provider_damstra.models.user import Role
from airflow_provider_damstra.services.membership import allowed_count
from airflow_provider_damstra.text import join_first

if TYPE_CHECKING:
    from airflow_provider_damstra.models.user import User
    from airflow_provider_damstra.services.roster.plan import RosterPlan

_PROTECTED_ROLES = {Role.OWNER, Role.ADMIN}


def validate_limits(
    plan: RosterPlan, *, max_inactivations: float | None, max_creations: float | None
) -> None:
    """Raise if a plan exceeds a limit, before anything is changed.

    :param max_inactivations: a number of users (1 or more, or 0), a share of the active users in the scope
        (below 1; it allows one user in any case), or None for no limit.
    :param max_creations: the same for users to create.
    :raises DamstraConflictError: if it does.
    """
    limits = {
        "max_inactivations": (max_inactivations, len(plan.of_kind("inactivate")), "inactivated"),
        "max_creations": (max_creations, len(plan.of_kind("create")), "created"),
    }
    problems = []
    for name, (limit, count, done) in limits.items():
        if limit is None:
            continue
        allowed = allowed_count(limit, plan.active_in_scope)
        if count > (max(1, allowed) if 0 < limit < 1 else allowed):
            problems.append(
                f"{count} users would be {done}, {plan.active_in_scope} users in the scope are active, and "
                f"{name} allows {limit:g}"
            )
    if problems:
        raise DamstraConflictError(
            f"{'; '.join(problems)}; nothing was changed. Is the extract complete, and is match_by the right "
            "field? The log and the file of plan_path name the users. If they are right, raise the limit for "
            "this run."
        )


def protection(
    users: Iterable[User], *, protected: Sequence[str], allowed_ids: Collection[int]
) -> Callable[[User], bool]:
    """Return a function that returns whether a user is never inactivated: the owner, admins and named users.

    :param users: all users of the account.
    :param protected: ids, employee numbers, e-mail addresses or user names of more users to protect.
    :param allowed_ids: ids of owners and admins who may be inactivated.
    :raises DamstraNotFoundError: naming the texts of ``protected`` that are no user.
    """
    wanted = {match_key(text): text for text in protected}
    ids: set[int] = set()
    found: set[str] = set()
    for user in users if wanted else ():
        values = (str(user.id), user.employee_number, user.email_address, user.user_name)
        if own := wanted.keys() & set(map(match_key, values)):
            ids.add(user.id)
            found |= own
    missing = [repr(text) for key, text in wanted.items() if key not in found]
    if missing:
        raise DamstraNotFoundError(
            f"protected_users: there is no user {join_first(missing)}; nothing was changed."
        )

    def is_protected(user: User) -> bool:
        has_role = not _PROTECTED_ROLES.isdisjoint(user.roles)
        return user.id in ids or (has_role and user.id not in allowed_ids)

    return is_protected
