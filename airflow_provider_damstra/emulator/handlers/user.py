"""Handlers of users, with their roles and groups."""

from __future__ import annotations

import json
import re
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.emulator.api_errors import conflict
from airflow_provider_damstra.emulator.clock import ACCOUNT_TIME_ZONE
from airflow_provider_damstra.emulator.routing import operation
from airflow_provider_damstra.emulator.store import contains_pattern, where_clause
from airflow_provider_damstra.endpoints.user import ActiveValue, ImportedUser, MergeType
from airflow_provider_damstra.models.user import ClientStatus, CreatedUser, Role, User

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page

    IdLists = Mapping[str, Sequence[int] | None]

_CLIENT_STATUSES = {ActiveValue.ACTIVE: ClientStatus.ACTIVE, ActiveValue.INACTIVE: ClientStatus.NOT_CURRENT}
_COLUMNS = (
    "id, user_name, first_name, last_name, email_address, phone_number, mobile_number, employee_number, "
    "client_status_id, time_zone, created_date, modified_date"
)
# The table and column of each list of ids that a user has.
_LISTS = {
    "roles": ("user_roles", "role_id"),
    "groups": ("group_members", "group_id"),
    "groups_supervised": ("group_supervisors", "group_id"),
}
_DEFAULT_ROLES = (Role.TRAINEE,)
_MERGE_COLUMNS = {
    MergeType.EMAIL: "email_address",
    MergeType.EMPLOYEE_NUMBER: "employee_number",
    MergeType.USER_NAME: "user_name",
}


@operation(endpoints.ListUsers)
def list_users(call: endpoints.ListUsers, uow: UnitOfWork) -> Page[User]:
    """Return a page of the users that match all given parameters."""
    status = _CLIENT_STATUSES.get(call.active_value or ActiveValue.ACTIVE)
    name_columns = ("user_name", "first_name", "last_name")
    any_name_contains = " OR ".join(f"{column} LIKE :q ESCAPE '!'" for column in name_columns)
    where, params = where_clause(
        {
            "client_status_id = :status": status,
            f"({any_name_contains})": contains_pattern(call.q),
            "employee_number = :emp_id": call.emp_id,
            "email_address = :email_address": call.email_address,
            "role_id = :role_id": call.role_id,
        }
    )
    if call.role_id is None:
        return fetch_users_page(uow, f"FROM users WHERE {where}", params)
    # CROSS JOIN fixes SQLite's join order: it scans the few users with the role instead of all users.
    from_clause = f"FROM user_roles CROSS JOIN users ON users.id = user_id WHERE {where}"
    return fetch_users_page(uow, from_clause, params, id_column="user_id")


@operation(endpoints.GetUser)
def get_user(call: endpoints.GetUser, uow: UnitOfWork) -> User:
    """Return a user, active or not."""
    return _get_user(uow, call.user_id)


@operation(endpoints.CreateUser)
def create_user(call: endpoints.CreateUser, uow: UnitOfWork) -> CreatedUser:
    """Create a user and return its id and dates."""
    user_id = _insert(uow, call)
    return CreatedUser(id=user_id, created_date=uow.now, modified_date=uow.now)


@operation(endpoints.UpdateUser)
def update_user(call: endpoints.UpdateUser, uow: UnitOfWork) -> User:
    """Replace a user's data; optional lists and names that are not given stay."""
    uow.get_or_404("users", call.user_id)
    columns = {**_columns(uow, call), "employee_number": call.employee_number}
    _update(uow, call.user_id, columns, _lists(call))
    return _get_user(uow, call.user_id)


@operation(endpoints.BulkUserImport)
def bulk_user_import(call: endpoints.BulkUserImport, uow: UnitOfWork) -> list[User]:
    """Create or merge all users or none, and return them in the order of the request."""
    merge_type = call.merge_type or MergeType.NONE
    ids = [_upsert(uow, imported, merge_type) for imported in call.users]
    users = {user.id: user for user in _fetch_users(uow, ids)}
    return [users[user_id] for user_id in ids]


@operation(endpoints.ActivateUser)
def activate_user(call: endpoints.ActivateUser, uow: UnitOfWork) -> None:
    """Activate a user."""
    uow.get_or_404("users", call.user_id)
    if uow.update("users", call.user_id, client_status_id=ClientStatus.ACTIVE):
        uow.emit("user.settings.updated", call.user_id, uow.acting_user_id)


@operation(endpoints.InactivateUser)
def inactivate_user(call: endpoints.InactivateUser, uow: UnitOfWork) -> None:
    """Inactivate a user."""
    user = uow.get_or_404("users", call.user_id)
    if uow.update("users", call.user_id, client_status_id=ClientStatus.NOT_CURRENT):
        uow.emit("user.account.inactivate", user["user_name"], call.user_id)


@operation(endpoints.GenerateLoginUrl)
def generate_login_url(call: endpoints.GenerateLoginUrl, uow: UnitOfWork) -> str:
    """Return a URL of the emulator with a new token."""
    uow.get_or_404("users", call.user_id)
    return f"{uow.base_url}/touch/{call.user_id}?token={secrets.token_urlsafe(24)}"


def _columns(uow: UnitOfWork, user: ImportedUser | endpoints.UpdateUser) -> dict[str, Any]:
    """Return the given columns of a user; a password is not stored, only the time when it was set."""
    columns = user.model_dump(
        exclude_none=True, exclude={"user_id", "password", "send_welcome_email", *_LISTS}
    )
    has_password = getattr(user, "password", None) is not None
    return {**columns, "password_set_date": uow.timestamp} if has_password else columns


def _lists(user: ImportedUser | endpoints.UpdateUser) -> IdLists:
    return {name: getattr(user, name, None) for name in _LISTS}


def _get_user(uow: UnitOfWork, user_id: int) -> User:
    """Return a user, active or not."""
    uow.get_or_404("users", user_id)
    return _fetch_users(uow, [user_id])[0]


def fetch_users_page(
    uow: UnitOfWork, from_clause: str, params: dict[str, Any], *, id_column: str = "users.id"
) -> Page[User]:
    """Return the requested page of the users of ``FROM ... WHERE ...``.

    :param id_column: the column to order by; for a joined table its own, which has the index.
    """
    ids = [row[0] for row in uow.fetch_page(id_column, from_clause, params, order_by=id_column)]
    return uow.build_page(_fetch_users(uow, ids), uow.store.count(from_clause, params))


def _fetch_users(uow: UnitOfWork, ids: Sequence[int]) -> list[User]:
    """Return the users with these ids, without duplicates, ordered by id."""
    requested = "IN (SELECT value FROM json_each(?))"
    params = [json.dumps(ids)]
    lists: dict[str, dict[int, list[int]]] = {name: defaultdict(list) for name in _LISTS}
    for name, (table, column) in _LISTS.items():
        sql = f"SELECT user_id, {column} FROM {table} WHERE user_id {requested} ORDER BY 2"
        for user_id, listed_id in uow.store.fetch_all(sql, params):
            lists[name][user_id].append(listed_id)
    rows = uow.store.fetch_all(f"SELECT {_COLUMNS} FROM users WHERE id {requested} ORDER BY id", params)
    return [User(**{**row, **{name: lists[name][row["id"]] for name in lists}}) for row in rows]


def _insert(uow: UnitOfWork, user: ImportedUser) -> int:
    """Create a user and return its id; by default a trainee, with a user name derived from the name."""
    columns = {"time_zone": ACCOUNT_TIME_ZONE, **_columns(uow, user)}
    columns["user_name"] = columns.get("user_name") or _generate_user_name(uow, columns)
    _require_free_user_name(uow, columns["user_name"])
    user_id = uow.insert("users", **columns)
    _set_lists(uow, user_id, {**_lists(user), "roles": user.roles or _DEFAULT_ROLES})
    row = uow.get_or_404("users", user_id)
    uow.emit("user.account.created", row["first_name"], row["last_name"], row["user_name"], user_id)
    return user_id


def _update(uow: UnitOfWork, user_id: int, columns: dict[str, Any], lists: IdLists) -> None:
    """Update a user; lists that are None are left unchanged."""
    if "user_name" in columns:
        _require_free_user_name(uow, columns["user_name"], except_user_id=user_id)
    changed = uow.update("users", user_id, **columns)
    lists_changed = _set_lists(uow, user_id, lists)
    if lists_changed and not changed:
        uow.update("users", user_id, modified_date=uow.timestamp)
    if changed or lists_changed:
        uow.emit("user.settings.updated", user_id, uow.acting_user_id)


def _upsert(uow: UnitOfWork, user: ImportedUser, merge_type: MergeType) -> int:
    """Create a user or update the one that the merge type identifies, and return its id."""
    columns = _columns(uow, user)
    user_id = _find_merge_target(uow, columns, merge_type)
    if user_id is None:
        return _insert(uow, user)
    _update(uow, user_id, columns, {"roles": user.roles or _DEFAULT_ROLES})
    return user_id


def _find_merge_target(uow: UnitOfWork, columns: dict[str, Any], merge_type: MergeType) -> int | None:
    name = _MERGE_COLUMNS.get(merge_type, "")
    if not columns.get(name):
        return None
    sql = f"SELECT min(id) FROM users WHERE {name} = ?"
    user_id: int | None = uow.store.fetch_value(sql, [columns[name]])
    return user_id


def _require_free_user_name(uow: UnitOfWork, user_name: str, *, except_user_id: int | None = None) -> None:
    owner_id = uow.store.fetch_value("SELECT id FROM users WHERE user_name = ?", [user_name])
    if owner_id is not None and owner_id != except_user_id:
        raise conflict(f"A user with the userName {user_name} already exists")


def _generate_user_name(uow: UnitOfWork, columns: dict[str, Any]) -> str:
    first, last = columns.get("first_name", ""), columns.get("last_name", "")
    name = f"{first[:1]}.{last}" if first and last else first or last
    name = name or columns.get("email_address", "").partition("@")[0]
    base = re.sub(r"[^\w.-]", "", name.lower()) or "user"
    candidate, number = base, 1
    while uow.store.fetch_value("SELECT 1 FROM users WHERE user_name = ?", [candidate]):
        number += 1
        candidate = f"{base}{number}"
    return candidate


def _set_lists(uow: UnitOfWork, user_id: int, lists: IdLists) -> bool:
    """Replace the lists that are not None; return whether any changed."""
    for name in ("groups", "groups_supervised"):
        for group_id in lists.get(name) or ():
            uow.get_or_404("groups", group_id)
    changed = [_set_list(uow, user_id, name, set(ids)) for name, ids in lists.items() if ids is not None]
    return any(changed)


def _set_list(uow: UnitOfWork, user_id: int, name: str, target: set[int]) -> bool:
    table, column = _LISTS[name]
    rows = uow.store.fetch_all(f"SELECT {column} FROM {table} WHERE user_id = ?", [user_id])
    present = {row[0] for row in rows}
    for listed_id in sorted(target - present):
        uow.insert_or_ignore(table, **{column: listed_id, "user_id": user_id})
    for listed_id in sorted(present - target):
        uow.delete(table, **{column: listed_id, "user_id": user_id})
    return target != present
