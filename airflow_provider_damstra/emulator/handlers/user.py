"""Users: searching and reading them, and the ways in which they are made and changed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from airflow_provider_damstra.emulator import rendering
from airflow_provider_damstra.emulator.repositories.user import (
    add_user,
    change_user,
    import_user,
    one_user,
    user_page,
    users_from,
)
from airflow_provider_damstra.emulator.routing import emulator
from airflow_provider_damstra.emulator.store import fitting, like
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
    from airflow_provider_damstra.emulator.unit_of_work import UnitOfWork
    from airflow_provider_damstra.models.base import Page

_STATUS = {ActiveValue.ACTIVE: ClientStatus.ACTIVE, ActiveValue.INACTIVE: ClientStatus.NOT_CURRENT}


@emulator.answers(ListUsers)
def list_users(call: ListUsers, uow: UnitOfWork) -> Page[User]:
    """Return a page of the users that all given parameters fit."""
    conditions: dict[str, tuple[str, Any]] = {
        "status": ("client_status_id = :status", _STATUS.get(call.active_value or ActiveValue.ACTIVE)),
        "q": (
            "(user_name LIKE :q ESCAPE '!' OR first_name LIKE :q ESCAPE '!' OR last_name LIKE :q ESCAPE '!')",
            like(call.q),
        ),
        "emp_id": ("employee_number = :emp_id", call.emp_id),
        "email_address": ("email_address = :email_address", call.email_address),
        "role_id": ("role_id = :role_id", call.role_id),
    }
    where, values = fitting(conditions)
    if call.role_id is None:
        return user_page(uow, f"FROM users WHERE {where}", values)
    # A plain JOIN would be read from the users' side, though hardly any user has some of the roles.
    joined = "FROM user_roles CROSS JOIN users ON users.id = user_id"
    return user_page(uow, f"{joined} WHERE {where}", values, user_id="user_id")


@emulator.answers(GetUser)
def get_user(call: GetUser, uow: UnitOfWork) -> User:
    """Return one user, active or not."""
    return one_user(uow, call.user_id)


@emulator.answers(CreateUser)
def create_user(call: CreateUser, uow: UnitOfWork) -> CreatedUser:
    """Create a user and return its id and dates."""
    values = call.model_dump(
        exclude_none=True, exclude={"send_welcome_email", "password", "roles", "groups", "groups_supervised"}
    )
    user_id = add_user(
        uow,
        values,
        roles=call.roles,
        groups=call.groups,
        groups_supervised=call.groups_supervised,
        has_password=call.password is not None,
    )
    return CreatedUser(id=user_id, created_date=uow.now, modified_date=uow.now)


@emulator.answers(UpdateUser)
def update_user(call: UpdateUser, uow: UnitOfWork) -> User:
    """Replace a user's data; what need not be given, and is not, stays."""
    uow.need_user(call.user_id)
    values = call.model_dump(
        exclude={"user_id", "password", "roles", "groups", "groups_supervised", "user_name"}
    )
    change_user(
        uow,
        call.user_id,
        values if call.user_name is None else {**values, "user_name": call.user_name},
        roles=call.roles,
        groups=call.groups,
        groups_supervised=call.groups_supervised,
        has_password=call.password is not None,
    )
    return one_user(uow, call.user_id)


@emulator.answers(BulkUserImport)
def bulk_user_import(call: BulkUserImport, uow: UnitOfWork) -> list[User]:
    """Create or merge users, all or none, and return them in the order in which they were given."""
    merge_type = call.merge_type or MergeType.NONE
    ids = [import_user(uow, imported, merge_type) for imported in call.users]
    users = {user.id: user for user in users_from(uow, ids)}
    return [users[user_id] for user_id in ids]


@emulator.answers(ActivateUser)
def activate_user(call: ActivateUser, uow: UnitOfWork) -> None:
    """Make a user active."""
    uow.need_user(call.user_id)
    if uow.update("users", call.user_id, client_status_id=ClientStatus.ACTIVE):
        uow.report("user.settings.updated", call.user_id, uow.acting_user_id)


@emulator.answers(InactivateUser)
def inactivate_user(call: InactivateUser, uow: UnitOfWork) -> None:
    """Make a user inactive."""
    user = uow.need_user(call.user_id)
    if uow.update("users", call.user_id, client_status_id=ClientStatus.NOT_CURRENT):
        uow.report("user.account.inactivate", user["user_name"], call.user_id)


@emulator.answers(GenerateLoginUrl, render=rendering.as_bare_text)
def generate_login_url(call: GenerateLoginUrl, uow: UnitOfWork) -> str:
    """Return a URL on the emulator's own address with a new token."""
    uow.need_user(call.user_id)
    return f"{uow.base_url}/touch/{call.user_id}?token={secrets.token_urlsafe(24)}"
