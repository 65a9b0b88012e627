"""Groups, their members and their supervisors."""

# ruff: noqa: S608 (tables and columns are named in this package, values are bound)

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra.emulator import api_errors as refusals
from airflow_provider_damstra.emulator import rendering
from airflow_provider_damstra.emulator.account import CLIENT_ID
from airflow_provider_damstra.emulator.repositories.user import user_page
from airflow_provider_damstra.emulator.routing import emulator
from airflow_provider_damstra.emulator.store import like
from airflow_provider_damstra.endpoints.group import (
    AddGroupMembers,
    AddGroupSupervisors,
    CreateGroup,
    GetGroup,
    InactivateGroup,
    ListGroupMembers,
    ListGroups,
    ListGroupSupervisors,
    RemoveGroupMembers,
    RemoveGroupSupervisors,
    UpdateGroup,
)
from airflow_provider_damstra.models.group import Group

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.unit_of_work import Visit
    from airflow_provider_damstra.models.base import Page
    from airflow_provider_damstra.models.user import User

_COLUMNS = f"""
    id, name, description, parent_id, created_date, {CLIENT_ID} AS client_id,
    (SELECT count(*) FROM group_members WHERE group_id = groups.id) AS member_count
"""


@emulator.answers(ListGroups, wrong_key=refusals.TOKEN_NOT_VALID)
def list_groups(call: ListGroups, visit: Visit) -> Page[Group]:
    """Return a page of the active groups."""
    tail = "FROM groups WHERE active AND name LIKE :q ESCAPE '!'"
    values = {"q": like(call.q or "")}
    groups = [Group(**dict(row)) for row in visit.page(_COLUMNS, tail, values)]
    return visit.listing(groups, visit.store.count(tail, values))


@emulator.answers(GetGroup, wrong_key=refusals.TOKEN_NOT_VALID)
def get_group(call: GetGroup, visit: Visit) -> Group:
    """Return one group, active or not."""
    if visit.find("groups", call.group_id) is None:
        raise refusals.no_group_for_that_id()
    return _group(visit, call.group_id)


@emulator.answers(CreateGroup)
def create_group(call: CreateGroup, visit: Visit) -> Group:
    """Create a group."""
    _need_parent(visit, call.parent_id)
    group_id = visit.insert("groups", name=call.name, description=call.description, parent_id=call.parent_id)
    return _group(visit, group_id)


@emulator.answers(UpdateGroup)
def update_group(call: UpdateGroup, visit: Visit) -> Group:
    """Replace name and description; without a parent the group keeps the one it has."""
    _need_group(visit, call.group_id)
    _need_parent(visit, call.parent_id, child_id=call.group_id)
    parent = {} if call.parent_id is None else {"parent_id": call.parent_id}
    visit.update("groups", call.group_id, name=call.name, description=call.description, **parent)
    return _group(visit, call.group_id)


@emulator.answers(InactivateGroup)
def inactivate_group(call: InactivateGroup, visit: Visit) -> None:
    """Make a group inactive."""
    _need_group(visit, call.group_id)
    visit.update("groups", call.group_id, active=0)


@emulator.answers(ListGroupMembers)
def list_group_members(call: ListGroupMembers, visit: Visit) -> Page[User]:
    """Return a page of a group's members."""
    return _users_in(visit, "group_members", call.group_id)


@emulator.answers(ListGroupSupervisors)
def list_group_supervisors(call: ListGroupSupervisors, visit: Visit) -> Page[User]:
    """Return a page of a group's supervisors."""
    return _users_in(visit, "group_supervisors", call.group_id)


@emulator.answers(AddGroupMembers, render=rendering.as_status_line)
def add_group_members(call: AddGroupMembers, visit: Visit) -> None:
    """Put users into a group."""
    _add(visit, "group_members", call.group_id, call.user_ids)


@emulator.answers(AddGroupSupervisors, render=rendering.as_status_line)
def add_group_supervisors(call: AddGroupSupervisors, visit: Visit) -> None:
    """Make users supervisors of a group."""
    _add(visit, "group_supervisors", call.group_id, call.user_ids)


@emulator.answers(RemoveGroupMembers, render=rendering.as_status_line)
def remove_group_members(call: RemoveGroupMembers, visit: Visit) -> None:
    """Take users out of a group."""
    _remove(visit, "group_members", call.group_id, call.user_ids)


@emulator.answers(RemoveGroupSupervisors, render=rendering.as_status_line)
def remove_group_supervisors(call: RemoveGroupSupervisors, visit: Visit) -> None:
    """End users' supervision of a group."""
    _remove(visit, "group_supervisors", call.group_id, call.user_ids)


def _group(visit: Visit, group_id: int) -> Group:
    row = visit.store.row(f"SELECT {_COLUMNS} FROM groups WHERE id = ?", [group_id])
    return Group(**dict(row or {}))


def _need_group(visit: Visit, group_id: int) -> None:
    if visit.find("groups", group_id) is None:
        raise refusals.group_not_found(group_id)


def _need_parent(visit: Visit, parent_id: int | None, *, child_id: int | None = None) -> None:
    """Refuse a parent that there is not, and one that is below the child."""
    above = parent_id
    while above is not None:
        if above == child_id:
            raise refusals.bad_request(f"parentId: group {parent_id} is group {child_id} itself or below it")
        row = visit.find("groups", above)
        if row is None:
            raise refusals.group_not_found(above)
        above = row["parent_id"]


def _users_in(visit: Visit, table: str, group_id: int) -> Page[User]:
    _need_group(visit, group_id)
    tail = f"FROM {table} JOIN users ON users.id = user_id WHERE group_id = :group_id"
    return user_page(visit, tail, {"group_id": group_id}, user_id="user_id")


def _add(visit: Visit, table: str, group_id: int, user_ids: tuple[int, ...]) -> None:
    _need_group(visit, group_id)
    visit.need_users(user_ids)
    for user_id in user_ids:
        visit.link(table, group_id=group_id, user_id=user_id)


def _remove(visit: Visit, table: str, group_id: int, user_ids: tuple[int, ...]) -> None:
    _need_group(visit, group_id)
    visit.need_users(user_ids)
    for user_id in user_ids:
        visit.delete(table, group_id=group_id, user_id=user_id)
