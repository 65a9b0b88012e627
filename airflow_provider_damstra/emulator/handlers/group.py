"""Handlers of groups, their members and their supervisors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.emulator.api_errors import (
    NO_GROUP_FOR_ID,
    TOKEN_NOT_VALID,
    ApiError,
    bad_request,
)
from airflow_provider_damstra.emulator.handlers.user import fetch_users_page
from airflow_provider_damstra.emulator.routing import operation
from airflow_provider_damstra.emulator.settings import CLIENT_ID
from airflow_provider_damstra.emulator.store import contains_pattern
from airflow_provider_damstra.models.group import Group

if TYPE_CHECKING:
    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page
    from airflow_provider_damstra.models.user import User

# The documented body of the operations that add and remove users.
_STATUS_LINE = "HTTP/1.1 200 OK"
_COLUMNS = f"""
    id, name, description, parent_id, created_date, {CLIENT_ID} AS client_id,
    (SELECT count(*) FROM group_members WHERE group_id = groups.id) AS member_count
"""


@operation(endpoints.ListGroups, invalid_key_body=TOKEN_NOT_VALID)
def list_groups(call: endpoints.ListGroups, uow: UnitOfWork) -> Page[Group]:
    """Return a page of the active groups."""
    from_clause = "FROM groups WHERE active AND name LIKE :q ESCAPE '!'"
    params = {"q": contains_pattern(call.q or "")}
    groups = [Group(**dict(row)) for row in uow.fetch_page(_COLUMNS, from_clause, params)]
    return uow.build_page(groups, uow.store.count(from_clause, params))


@operation(endpoints.GetGroup, invalid_key_body=TOKEN_NOT_VALID)
def get_group(call: endpoints.GetGroup, uow: UnitOfWork) -> Group:
    """Return a group, active or not."""
    if uow.get("groups", call.group_id) is None:
        raise ApiError(404, NO_GROUP_FOR_ID)
    return _fetch_group(uow, call.group_id)


@operation(endpoints.CreateGroup)
def create_group(call: endpoints.CreateGroup, uow: UnitOfWork) -> Group:
    """Create a group."""
    _validate_parent(uow, call.parent_id)
    group_id = uow.insert("groups", name=call.name, description=call.description, parent_id=call.parent_id)
    return _fetch_group(uow, group_id)


@operation(endpoints.UpdateGroup)
def update_group(call: endpoints.UpdateGroup, uow: UnitOfWork) -> Group:
    """Replace name and description, and the parent if one is given."""
    uow.get_or_404("groups", call.group_id)
    _validate_parent(uow, call.parent_id, child_id=call.group_id)
    parent = {} if call.parent_id is None else {"parent_id": call.parent_id}
    uow.update("groups", call.group_id, name=call.name, description=call.description, **parent)
    return _fetch_group(uow, call.group_id)


@operation(endpoints.InactivateGroup)
def inactivate_group(call: endpoints.InactivateGroup, uow: UnitOfWork) -> None:
    """Inactivate a group."""
    uow.get_or_404("groups", call.group_id)
    uow.update("groups", call.group_id, active=0)


@operation(endpoints.ListGroupMembers, endpoints.ListGroupSupervisors)
def list_users(
    call: endpoints.ListGroupMembers | endpoints.ListGroupSupervisors, uow: UnitOfWork
) -> Page[User]:
    """Return a page of a group's members or supervisors."""
    uow.get_or_404("groups", call.group_id)
    from_clause = f"FROM {_user_table(call)} JOIN users ON users.id = user_id WHERE group_id = :group_id"
    return fetch_users_page(uow, from_clause, {"group_id": call.group_id}, id_column="user_id")


@operation(endpoints.AddGroupMembers, endpoints.AddGroupSupervisors)
def add_users(call: endpoints.AddGroupMembers | endpoints.AddGroupSupervisors, uow: UnitOfWork) -> str:
    """Add members or supervisors to a group."""
    uow.get_or_404("groups", call.group_id)
    uow.require_users(call.user_ids)
    for user_id in call.user_ids:
        uow.insert_or_ignore(_user_table(call), group_id=call.group_id, user_id=user_id)
    return _STATUS_LINE


@operation(endpoints.RemoveGroupMembers, endpoints.RemoveGroupSupervisors)
def remove_users(
    call: endpoints.RemoveGroupMembers | endpoints.RemoveGroupSupervisors, uow: UnitOfWork
) -> str:
    """Remove members or supervisors from a group."""
    uow.get_or_404("groups", call.group_id)
    uow.require_users(call.user_ids)
    for user_id in call.user_ids:
        uow.delete(_user_table(call), group_id=call.group_id, user_id=user_id)
    return _STATUS_LINE


def _user_table(call: object) -> str:
    return "group_supervisors" if type(call).__name__.endswith("Supervisors") else "group_members"


def _fetch_group(uow: UnitOfWork, group_id: int) -> Group:
    row = uow.store.fetch_one(f"SELECT {_COLUMNS} FROM groups WHERE id = ?", [group_id])
    return Group(**dict(row or {}))


def _validate_parent(uow: UnitOfWork, parent_id: int | None, *, child_id: int | None = None) -> None:
    """Reject a parent that does not exist, or that is the child itself or one of its descendants."""
    ancestor_id = parent_id
    while ancestor_id is not None:
        if ancestor_id == child_id:
            raise bad_request(f"parentId: group {parent_id} is group {child_id} itself or below it")
        ancestor_id = uow.get_or_404("groups", ancestor_id)["parent_id"]
