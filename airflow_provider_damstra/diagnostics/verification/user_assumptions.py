"""Assumptions about users and groups: what the filters find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_damstra import endpoints
from airflow_provider_damstra.diagnostics.verification.account import ids_of
from airflow_provider_damstra.diagnostics.verification.assumption import (
    NotObservableError,
    assumption,
    count_deviations,
)
from airflow_provider_damstra.endpoints.user import ActiveValue
from airflow_provider_damstra.models.user import ClientStatus

if TYPE_CHECKING:
    from airflow_provider_damstra.diagnostics.verification.account import Account

_MIN_SEARCHED_LENGTH = 3


def _user_with(account: Account, field: str) -> dict[str, Any]:
    """Return a user whose field can be searched: a text with a letter that has two cases."""
    for row in account.users:
        value = row.get(field)
        if isinstance(value, str) and len(value) > _MIN_SEARCHED_LENGTH and value.swapcase() != value:
            return row
    raise NotObservableError(f"no user has a {field} with letters")


def _finds(account: Account, endpoint: endpoints.ListUsers, user: dict[str, Any]) -> bool:
    return user.get("id") in ids_of(account.get_page(endpoint).rows)


@assumption("users.search", "q finds parts of names, regardless of case.")
def check_search(account: Account) -> list[str]:
    """Search a user by the inner letters of the last name, in the other case."""
    user = _user_with(account, "lastName")
    part = user["lastName"][1:].strip()
    deviations = []
    if not _finds(account, endpoints.ListUsers(q=part), user):
        deviations.append("a part of the last name does not find the user")
    if not _finds(account, endpoints.ListUsers(q=part.swapcase()), user):
        deviations.append("another case does not find the user")
    return deviations


@assumption("users.employee-number", "empId finds the exact employee number only.")
def check_employee_number(account: Account) -> list[str]:
    """Search a user by employee number, and by a part of it."""
    users = [row for row in account.users if len(str(row.get("employeeNumber") or "")) > 1]
    if not users:
        raise NotObservableError("no user has an employee number")
    number = str(users[0]["employeeNumber"])
    deviations = []
    if not _finds(account, endpoints.ListUsers(emp_id=number), users[0]):
        deviations.append("the employee number does not find the user")
    if _finds(account, endpoints.ListUsers(emp_id=number[:-1]), users[0]):
        deviations.append("a part of the employee number finds the user")
    return deviations


@assumption("users.email-address", "emailAddress finds the exact address only, in the same case.")
def check_email_address(account: Account) -> list[str]:
    """Search a user by e-mail address, by a part of it, and in another case."""
    user = _user_with(account, "emailAddress")
    address = user["emailAddress"]
    deviations = []
    if not _finds(account, endpoints.ListUsers(email_address=address), user):
        deviations.append("the address does not find the user")
    if _finds(account, endpoints.ListUsers(email_address=address[1:]), user):
        deviations.append("a part of the address finds the user")
    if _finds(account, endpoints.ListUsers(email_address=address.swapcase()), user):
        deviations.append("another case finds the user")
    return deviations


@assumption("users.all-filters", "A user must match all given filters.")
def check_all_filters(account: Account) -> list[str]:
    """Search a user by e-mail address, and by a text that no name contains."""
    user = _user_with(account, "emailAddress")
    both = endpoints.ListUsers(email_address=user["emailAddress"], q="no-name-has-this-text")
    return ["one matching filter is enough"] if _finds(account, both, user) else []


@assumption("users.active", "Only active users are listed unless activeValue is given; all are both kinds.")
def check_active(account: Account) -> list[str]:
    """Compare the listings of active, inactive and all users."""
    statuses = [row.get("clientStatusId") for row in account.users]
    deviations = count_deviations(
        [status == ClientStatus.ACTIVE for status in statuses], "users listed by default are not active"
    )
    inactive = account.get_page(endpoints.ListUsers(active_value=ActiveValue.INACTIVE))
    if any(row.get("clientStatusId") != ClientStatus.NOT_CURRENT for row in inactive.rows):
        deviations.append(
            f"users listed as inactive have another clientStatusId than {ClientStatus.NOT_CURRENT}"
        )
    both = account.get_page(endpoints.ListUsers(active_value=ActiveValue.ALL)).total
    if both != account.get_page(endpoints.ListUsers()).total + inactive.total:
        deviations.append("the totals of active and inactive users do not add up to that of all")
    return deviations


@assumption("users.role", "roleId finds only users with that role.")
def check_role(account: Account) -> list[str]:
    """List the users with the role of the first user."""
    roles = _items(account, "roles")
    if not roles or not isinstance(roles[0], int):
        raise NotObservableError("no user has a role")
    try:
        endpoint = endpoints.ListUsers.model_validate({"roleId": roles[0]})
    except ValueError:
        raise NotObservableError("the first user's role is not documented") from None
    rows = account.get_page(endpoint).rows
    return count_deviations(
        [roles[0] in (row.get("roles") or ()) for row in rows], "users do not have the role"
    )


@assumption("users.groups-are-objects", "Groups of a user are objects with an id, and roles are numbers.")
def check_groups_are_objects(account: Account) -> list[str]:
    """Look at the items of the lists of users."""
    groups = [item for name in ("groups", "groupsSupervised") for item in _items(account, name)]
    roles = _items(account, "roles")
    deviations = []
    if any(not (isinstance(item, dict) and isinstance(item.get("id"), int)) for item in groups):
        deviations.append("groups are not objects with an id")
    if any(not isinstance(item, int) for item in roles):
        deviations.append("roles are not numbers")
    if not groups and not roles:
        raise NotObservableError("no user has a group or role")
    return deviations


def _items(account: Account, name: str) -> list[Any]:
    return [item for row in account.users if isinstance(row.get(name), list) for item in row[name]]


@assumption("groups.member-count", "memberCount is the total of the members.")
def check_member_count(account: Account) -> list[str]:
    """Compare memberCount with the listing of members."""
    counts = {row.get("id"): row.get("memberCount") for row in account.groups}
    matching = [counts.get(group_id) == page.total for group_id, page in account.member_pages.items()]
    return count_deviations(matching, "groups have another memberCount")


@assumption("groups.search", "q finds parts of the names of groups, regardless of case.")
def check_group_search(account: Account) -> list[str]:
    """Search a group by a part of its name, in the other case."""
    for row in account.groups:
        name = row.get("name")
        if isinstance(name, str) and len(name) > _MIN_SEARCHED_LENGTH and name.swapcase() != name:
            found = account.get_page(endpoints.ListGroups(q=name[1:].strip().swapcase()))
            return (
                [] if row.get("id") in ids_of(found.rows) else ["a part of the name does not find the group"]
            )
    raise NotObservableError("no group has a name with letters")
