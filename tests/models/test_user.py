"""Users: roles and groups in both of their shapes, and what is made of them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_damstra.models import ClientStatus, Role, User


def user(**members: Any) -> User:
    return User.model_validate({"id": 7, **members})


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
def test_roles_are_numbers_or_objects(roles: list[Any]) -> None:
    assert user(roles=roles).roles == [Role.ADMIN, Role.TRAINEE]


@pytest.mark.parametrize("alias", ["groups", "groupsSupervised"])
@pytest.mark.parametrize("groups", [[1, 2], [{"id": 1}, {"id": 2}], [{"id": 1, "name": "Dev"}, 2]])
def test_groups_are_numbers_or_objects(alias: str, groups: list[Any]) -> None:
    found = user(**{alias: groups})
    assert [*found.groups, *found.groups_supervised] == [1, 2]


def test_who_is_not_said_to_have_left_is_active() -> None:
    assert user().is_active
    assert user(clientStatusId=ClientStatus.ACTIVE).is_active
    assert user(clientStatusId=99).is_active
    assert not user(clientStatusId=ClientStatus.NOT_CURRENT).is_active


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"firstName": "John", "lastName": "Smith", "userName": "j.smith"}, "John Smith"),
        ({"firstName": "", "lastName": "Smith"}, "Smith"),
        ({"userName": "j.smith"}, "j.smith"),
        ({}, "user 7"),
    ],
)
def test_a_user_has_a_name_to_show_whatever_is_missing(members: dict[str, str], name: str) -> None:
    assert user(**members).full_name == name


def test_a_number_where_a_text_was_expected_is_read_as_its_text() -> None:
    assert user(employeeNumber=123, phoneNumber=811112222).employee_number == "123"


def test_fields_have_python_names_too() -> None:
    assert User(id=7, first_name="John") == user(firstName="John")
