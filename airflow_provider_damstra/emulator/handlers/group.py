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
    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page
    from airflow_provider_damstra.models.user import User

_COLUMNS = f"""
    id, name, description, parent_id, created_date, {CLIENT_ID} AS client_id,
    (SELECT count(*) FROM group_members WHERE group_id = groups.id) AS member_count
"""


@emulator.answers(ListGroups, wrong_key=refusals.TOKEN_NOT_VALID)
def list_groups(call: ListGroups, uow: UnitOfWork) -> Page[Group]:
    """Return a page of the active groups."""
    tail = "FROM groups WHERE active AND name LIKE :q ESCAPE '!'"
    values = {"q": like(call.q or "")}
    groups = [Group(**dict(row)) for row in uow.page(_COLUMNS, tail, values)]
    return uow.listing(groups, uow.store.count(tail, values))


@emulator.answers(GetGroup, wrong_key=refusals.TOKEN_NOT_VALID)
def get_group(call: GetGroup, uow: UnitOfWork) -> Group:
    """Return one group, active or not."""
    if uow.find("groups", call.group_id) is None:
        raise refusals.no_group_for_that_id()
    return _group(uow, call.group_id)


@emulator.answers(CreateGroup)
def create_group(call: CreateGroup, uow: UnitOfWork) -> Group:
    """Create a group."""
    _need_parent(uow, call.parent_id)
    group_id = uow.insert("groups", name=call.name, description=call.description, parent_id=call.parent_id)
    return _group(uow, group_id)


@emulator.answers(UpdateGroup)
def update_group(call: UpdateGroup, uow: UnitOfWork) -> Group:
    """Replace name and description; without a parent the group keeps the one it has."""
    _need_group(uow, call.group_id)
    _need_parent(uow, call.parent_id, child_id=call.group_id)
    parent = {} if call.parent_id is None else {"parent_id": call.parent_id}
    uow.update("groups", call.group_id, name=call.name, description=call.description, **parent)
    return _group(uow, call.group_id)


@emulator.answers(InactivateGroup)
def inactivate_group(call: InactivateGroup, uow: UnitOfWork) -> None:
    """Make a group inactive."""
    _need_group(uow, call.group_id)
    uow.update("groups", call.group_id, active=0)


@emulator.answers(ListGroupMembers)
def list_group_members(call: ListGroupMembers, uow: UnitOfWork) -> Page[User]:
    """Return a page of a group's members."""
    return _users_in(uow, "group_members", call.group_id)


@emulator.answers(ListGroupSupervisors)
def list_group_supervisors(call: ListGroupSupervisors, uow: UnitOfWork) -> Page[User]:
    """Return a page of a group's supervisors."""
    return _users_in(uow, "group_supervisors", call.group_id)


@emulator.answers(AddGroupMembers, render=rendering.as_status_line)
def add_group_members(call: AddGroupMembers, uow: UnitOfWork) -> None:
    """Put users into a group."""
    _add(uow, "group_members", call.group_id, call.user_ids)


@emulator.answers(AddGroupSupervisors, render=rendering.as_status_line)
def add_group_supervisors(call: AddGroupSupervisors, uow: UnitOfWork) -> None:
    """Make users supervisors of a group."""
    _add(uow, "group_supervisors", call.group_id, call.user_ids)


@emulator.answers(RemoveGroupMembers, render=rendering.as_status_line)
def remove_group_members(call: RemoveGroupMembers, uow: UnitOfWork) -> None:
    """Take users out of a group."""
    _remove(uow, "group_members", call.group_id, call.user_ids)


@emulator.answers(RemoveGroupSupervisors, render=rendering.as_status_line)
def remove_group_supervisors(call: RemoveGroupSupervisors, uow: UnitOfWork) -> None:
    """End users' supervision of a group."""
    _remove(uow, "group_supervisors", call.group_id, call.user_ids)


def _group(uow: UnitOfWork, group_id: int) -> Group:
    row = uow.store.fetch_one(f"SELECT {_COLUMNS} FROM groups WHERE id = ?", [group_id])
    return Group(**dict(row or {}))


def _need_group(uow: UnitOfWork, group_id: int) -> None:
    if uow.find("groups", group_id) is None:
        raise refusals.group_not_found(group_id)


def _need_parent(uow: UnitOfWork, parent_id: int | None, *, child_id: int | None = None) -> None:
    """Refuse a parent that there is not, and one that is below the child."""
    above = parent_id
    while above is not None:
        if above == child_id:
            raise refusals.bad_request(f"parentId: group {parent_id} is group {child_id} itself or below it")
        row = uow.find("groups", above)
        if row is None:
            raise refusals.group_not_found(above)
        above = row["parent_id"]


def _users_in(uow: UnitOfWork, table: str, group_id: int) -> Page[User]:
    _need_group(uow, group_id)
    tail = f"FROM {table} JOIN users ON users.id = user_id WHERE group_id = :group_id"
    return user_page(uow, tail, {"group_id": group_id}, user_id="user_id")


def _add(uow: UnitOfWork, table: str, group_id: int, user_ids: tuple[int, ...]) -> None:
    _need_group(uow, group_id)
    uow.need_users(user_ids)
    for user_id in user_ids:
        uow.link(table, group_id=group_id, user_id=user_id)


def _remove(uow: UnitOfWork, table: str, group_id: int, user_ids: tuple[int, ...]) -> None:
    _need_group(uow, group_id)
    uow.need_users(user_ids)
    for user_id in user_ids:
        uow.delete(table, group_id=group_id, user_id=user_id)
