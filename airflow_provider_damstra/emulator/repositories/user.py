"""Users as they are read from the store: their rows with roles and groups."""

# ruff: noqa: S608 (tables and columns are named in this package, values are bound)

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator.clock import ACCOUNT_ZONE_NAME
from airflow_provider_damstra.endpoints.user import ImportedUser, MergeType
from airflow_provider_damstra.models.user import Role, User

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page

# For each list of a user: the table that holds it, and which column.
LISTS = {
    "roles": ("user_roles", "role_id"),
    "groups": ("group_members", "group_id"),
    "groups_supervised": ("group_supervisors", "group_id"),
}

_COLUMNS = (
    "id, user_name, first_name, last_name, email_address, phone_number, mobile_number, employee_number, "
    "client_status_id, time_zone, created_date, modified_date"
)


def one_user(uow: UnitOfWork, user_id: int) -> User:
    """Return one user, or refuse."""
    uow.need_user(user_id)
    return users_from(uow, [user_id])[0]


def user_page(uow: UnitOfWork, tail: str, values: dict[str, Any], *, user_id: str = "users.id") -> Page[User]:
    """Return a page of the users that ``FROM ...`` finds.

    :param user_id: the column to order by: of a table that users are joined to, its own, with the index.
    """
    ids = [row[0] for row in uow.page(user_id, tail, values, order=user_id)]
    return uow.listing(users_from(uow, ids), uow.store.count(tail, values))


def users_from(uow: UnitOfWork, ids: Sequence[int]) -> list[User]:
    """Return the users with these ids, each once, in the order of their ids."""
    wanted = [json.dumps(ids)]
    rows = uow.store.fetch_all(
        f"SELECT {_COLUMNS} FROM users WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", wanted
    )
    lists = {name: _list_of_each(uow, table, column, wanted) for name, (table, column) in LISTS.items()}
    return [User(**dict(row), **{name: found[row["id"]] for name, found in lists.items()}) for row in rows]


def _list_of_each(uow: UnitOfWork, table: str, column: str, wanted: list[str]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    sql = (
        f"SELECT user_id, {column} FROM {table} WHERE user_id IN (SELECT value FROM json_each(?)) ORDER BY 2"
    )
    for user_id, one in uow.store.fetch_all(sql, wanted):
        found[user_id].append(one)
    return found


_DEFAULT_ROLES = (Role.TRAINEE,)

_MERGE_COLUMNS = {
    MergeType.EMAIL: "email_address",
    MergeType.EMPLOYEE_NUMBER: "employee_number",
    MergeType.USER_NAME: "user_name",
}


def add_user(
    uow: UnitOfWork,
    values: dict[str, Any],
    *,
    roles: Sequence[int] | None = None,
    groups: Sequence[int] | None = None,
    groups_supervised: Sequence[int] | None = None,
    has_password: bool = False,
) -> int:
    """Add a user and return its id; without a user name it gets one, without roles it is a trainee."""
    user_name = values.get("user_name") or _free_user_name(uow, values)
    _refuse_taken(uow, user_name)
    row = {"time_zone": ACCOUNT_ZONE_NAME, **values, "user_name": user_name, **_password(uow, has_password)}
    user_id = uow.insert("users", **row)
    _set_lists(
        uow, user_id, roles=roles or _DEFAULT_ROLES, groups=groups, groups_supervised=groups_supervised
    )
    user = uow.need_user(user_id)
    uow.report("user.account.created", user["first_name"], user["last_name"], user_name, user_id)
    return user_id


def change_user(
    uow: UnitOfWork,
    user_id: int,
    values: dict[str, Any],
    *,
    roles: Sequence[int],
    groups: Sequence[int] | None = None,
    groups_supervised: Sequence[int] | None = None,
    has_password: bool = False,
) -> None:
    """Change a user; lists that are None stay as they are."""
    if "user_name" in values:
        _refuse_taken(uow, values["user_name"], by_other_than=user_id)
    changed = uow.update("users", user_id, **values, **_password(uow, has_password))
    lists_changed = _set_lists(uow, user_id, roles=roles, groups=groups, groups_supervised=groups_supervised)
    if lists_changed and not changed:
        uow.update("users", user_id, modified_date=uow.at)
    if changed or lists_changed:
        uow.report("user.settings.updated", user_id, uow.acting_user_id)


def import_user(uow: UnitOfWork, imported: ImportedUser, merge_type: MergeType) -> int:
    """Create a user, or merge into the one that is recognised, and return its id."""
    values = imported.model_dump(exclude_none=True, exclude={"roles"})
    user_id = _recognised(uow, values, merge_type)
    if user_id is None:
        return add_user(uow, values, roles=imported.roles)
    change_user(uow, user_id, values, roles=imported.roles or _DEFAULT_ROLES)
    return user_id


def _recognised(uow: UnitOfWork, values: dict[str, Any], merge_type: MergeType) -> int | None:
    column = _MERGE_COLUMNS.get(merge_type)
    if column is None or not values.get(column):
        return None
    found: int | None = uow.store.fetch_value(
        f"SELECT min(id) FROM users WHERE {column} = ?", [values[column]]
    )
    return found


def _password(uow: UnitOfWork, is_given: bool) -> dict[str, str]:
    """Return what is kept of a password: when it was set, never the password."""
    return {"password_set_date": uow.at} if is_given else {}


def _refuse_taken(uow: UnitOfWork, user_name: str, *, by_other_than: int | None = None) -> None:
    taken_by = uow.store.fetch_value("SELECT id FROM users WHERE user_name = ?", [user_name])
    if taken_by is not None and taken_by != by_other_than:
        raise refusals.conflict(f"A user with the userName {user_name} already exists")


def _free_user_name(uow: UnitOfWork, values: dict[str, Any]) -> str:
    first, last = values.get("first_name", ""), values.get("last_name", "")
    name = (
        f"{first[:1]}.{last}"
        if first and last
        else first or last or values.get("email_address", "").partition("@")[0]
    )
    wanted = re.sub(r"[^\w.-]", "", name.lower()) or "user"
    candidate, number = wanted, 1
    while uow.store.fetch_value("SELECT 1 FROM users WHERE user_name = ?", [candidate]):
        number += 1
        candidate = f"{wanted}{number}"
    return candidate


def _set_lists(uow: UnitOfWork, user_id: int, **lists: Sequence[int] | None) -> bool:
    """Make the lists that are given the user's lists; return whether anything is other than before."""
    for group_id in (*(lists["groups"] or ()), *(lists["groups_supervised"] or ())):
        if uow.find("groups", group_id) is None:
            raise refusals.group_not_found(group_id)
    given = {name: wanted for name, wanted in lists.items() if wanted is not None}
    changed = [_set_list(uow, user_id, *LISTS[name], set(wanted)) for name, wanted in given.items()]
    return any(changed)


def _set_list(uow: UnitOfWork, user_id: int, table: str, column: str, wanted: set[int]) -> bool:
    rows = uow.store.fetch_all(f"SELECT {column} FROM {table} WHERE user_id = ?", [user_id])
    present = {row[0] for row in rows}
    for one in sorted(wanted - present):
        uow.link(table, **{column: one, "user_id": user_id})
    for one in sorted(present - wanted):
        uow.delete(table, **{column: one, "user_id": user_id})
    return wanted != present
