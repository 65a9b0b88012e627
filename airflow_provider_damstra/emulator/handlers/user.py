"""Handlers of users."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator.repositories import user_repository
from airflow_provider_damstra.emulator.routing import operation
from airflow_provider_damstra.emulator.store import contains_pattern, where_clause
from airflow_provider_damstra.endpoints.user import (
    ActivateUser,
    ActiveValue,
    BulkUserImport,
    CreateUser,
    GenerateLoginUrl,
    GetUser,
    InactivateUser,
    ListUsers,
    MergeType,
    UpdateUser,
)
from airflow_provider_damstra.models.user import ClientStatus, CreatedUser, User

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page

_CLIENT_STATUSES = {ActiveValue.ACTIVE: ClientStatus.ACTIVE, ActiveValue.INACTIVE: ClientStatus.NOT_CURRENT}


@operation(ListUsers)
def list_users(call: ListUsers, uow: UnitOfWork) -> Page[User]:
    """Return a page of the users that match all given parameters."""
    status = _CLIENT_STATUSES.get(call.active_value or ActiveValue.ACTIVE)
    conditions: dict[str, tuple[str, Any]] = {
        "status": ("client_status_id = :status", status),
        "q": (
            "(user_name LIKE :q ESCAPE '!' OR first_name LIKE :q ESCAPE '!' OR last_name LIKE :q ESCAPE '!')",
            contains_pattern(call.q),
        ),
        "emp_id": ("employee_number = :emp_id", call.emp_id),
        "email_address": ("email_address = :email_address", call.email_address),
        "role_id": ("role_id = :role_id", call.role_id),
    }
    where, params = where_clause(conditions)
    if call.role_id is None:
        return user_repository.fetch_page(uow, f"FROM users WHERE {where}", params)
    # CROSS JOIN fixes SQLite's join order: it scans the few users with the role instead of all users.
    from_clause = f"FROM user_roles CROSS JOIN users ON users.id = user_id WHERE {where}"
    return user_repository.fetch_page(uow, from_clause, params, id_column="user_id")


@operation(GetUser)
def get_user(call: GetUser, uow: UnitOfWork) -> User:
    """Return a user, active or not."""
    return user_repository.get_or_404(uow, call.user_id)


@operation(CreateUser)
def create_user(call: CreateUser, uow: UnitOfWork) -> CreatedUser:
    """Create a user and return its id and dates."""
    excluded = {"send_welcome_email", "password", *user_repository.LISTS}
    values = call.model_dump(exclude_none=True, exclude=excluded)
    has_password = call.password is not None
    user_id = user_repository.insert(uow, values, _lists(call), has_password=has_password)
    return CreatedUser(id=user_id, created_date=uow.now, modified_date=uow.now)


@operation(UpdateUser)
def update_user(call: UpdateUser, uow: UnitOfWork) -> User:
    """Replace a user's data; optional lists and names that are not given stay."""
    uow.get_or_404("users", call.user_id)
    excluded = {"user_id", "password", *user_repository.LISTS}
    values = call.model_dump(exclude=excluded if call.user_name is not None else {*excluded, "user_name"})
    has_password = call.password is not None
    user_repository.update(uow, call.user_id, values, _lists(call), has_password=has_password)
    return user_repository.get_or_404(uow, call.user_id)


@operation(BulkUserImport)
def bulk_user_import(call: BulkUserImport, uow: UnitOfWork) -> list[User]:
    """Create or merge all users or none, and return them in the order of the request."""
    merge_type = call.merge_type or MergeType.NONE
    ids = [user_repository.upsert(uow, imported, merge_type) for imported in call.users]
    users = {user.id: user for user in user_repository.fetch_many(uow, ids)}
    return [users[user_id] for user_id in ids]


@operation(ActivateUser)
def activate_user(call: ActivateUser, uow: UnitOfWork) -> None:
    """Activate a user."""
    uow.get_or_404("users", call.user_id)
    if uow.update("users", call.user_id, client_status_id=ClientStatus.ACTIVE):
        uow.emit("user.settings.updated", call.user_id, uow.acting_user_id)


@operation(InactivateUser)
def inactivate_user(call: InactivateUser, uow: UnitOfWork) -> None:
    """Inactivate a user."""
    user = uow.get_or_404("users", call.user_id)
    if uow.update("users", call.user_id, client_status_id=ClientStatus.NOT_CURRENT):
        uow.emit("user.account.inactivate", user["user_name"], call.user_id)


@operation(GenerateLoginUrl)
def generate_login_url(call: GenerateLoginUrl, uow: UnitOfWork) -> str:
    """Return a URL of the emulator with a new token."""
    uow.get_or_404("users", call.user_id)
    return f"{uow.base_url}/touch/{call.user_id}?token={secrets.token_urlsafe(24)}"


def _lists(call: CreateUser | UpdateUser) -> dict[str, Sequence[int] | None]:
    return {name: getattr(call, name) for name in user_repository.LISTS}
