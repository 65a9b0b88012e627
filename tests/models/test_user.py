"""The User model: roles and groups in both formats, status and full name."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_damstra.models import ClientStatus, Role, User


def user(**fields: Any) -> User:
    return User.model_validate({"id": 7, **fields})


@pytest.mark.parametrize(
    "roles",
    [
        [3, 6],
        [{"id": 3}, {"id": 6}],
        [{"id": 3, "name": "Administrator"}, {"id": 6, "name": "Trainee"}],
        [3, {"id": 6}],
        ["3", "6"],
    ],
)
def test_roles_are_parsed_from_numbers_and_objects(roles: list[Any]) -> None:
    assert user(roles=roles).roles == [Role.ADMIN, Role.TRAINEE]


@pytest.mark.parametrize("alias", ["groups", "groupsSupervised"])
@pytest.mark.parametrize("groups", [[1, 2], [{"id": 1}, {"id": 2}], [{"id": 1, "name": "Dev"}, 2]])
def test_groups_are_parsed_from_numbers_and_objects(alias: str, groups: list[Any]) -> None:
    found = user(**{alias: groups})
    assert [*found.groups, *found.groups_supervised] == [1, 2]


def test_user_is_active_unless_not_current() -> None:
    assert user().is_active
    assert user(clientStatusId=ClientStatus.ACTIVE).is_active
    assert user(clientStatusId=99).is_active
    assert not user(clientStatusId=ClientStatus.NOT_CURRENT).is_active


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"firstName": "John", "lastName": "Smith", "userName": "j.smith"}, "John Smith"),
        ({"firstName": "", "lastName": "Smith"}, "Smith"),
        ({"userName": "j.smith"}, "j.smith"),
        ({}, "user 7"),
    ],
)
def test_full_name_falls_back_to_user_name_and_id(fields: dict[str, str], name: str) -> None:
    assert user(**fields).full_name == name


def test_number_in_text_field_is_parsed_as_text() -> None:
    assert user(employeeNumber=123, phoneNumber=811112222).employee_number == "123"


def test_fields_accept_python_names() -> None:
    assert User(id=7, first_name="John") == user(firstName="John")
