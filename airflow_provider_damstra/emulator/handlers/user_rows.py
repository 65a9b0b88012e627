"""Users as they are read from the store: their rows with roles and groups."""

# ruff: noqa: S608 (tables and columns are named in this package, values are bound)

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.models.user import User

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_damstra.emulator.visit import Visit
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


def one_user(visit: Visit, user_id: int) -> User:
    """Return one user, or refuse."""
    visit.need_user(user_id)
    return users_from(visit, [user_id])[0]


def user_page(visit: Visit, tail: str, values: dict[str, Any], *, user_id: str = "users.id") -> Page[User]:
    """Return a page of the users that ``FROM ...`` finds.

    :param user_id: the column to order by: of a table that users are joined to, its own, with the index.
    """
    ids = [row[0] for row in visit.page(user_id, tail, values, order=user_id)]
    return visit.listing(users_from(visit, ids), visit.store.count(tail, values))


def users_from(visit: Visit, ids: Sequence[int]) -> list[User]:
    """Return the users with these ids, each once, in the order of their ids."""
    wanted = [json.dumps(ids)]
    rows = visit.store.rows(
        f"SELECT {_COLUMNS} FROM users WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", wanted
    )
    lists = {name: _list_of_each(visit, table, column, wanted) for name, (table, column) in LISTS.items()}
    return [User(**dict(row), **{name: found[row["id"]] for name, found in lists.items()}) for row in rows]


def _list_of_each(visit: Visit, table: str, column: str, wanted: list[str]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    sql = (
        f"SELECT user_id, {column} FROM {table} WHERE user_id IN (SELECT value FROM json_each(?)) ORDER BY 2"
    )
    for user_id, one in visit.store.rows(sql, wanted):
        found[user_id].append(one)
    return found
